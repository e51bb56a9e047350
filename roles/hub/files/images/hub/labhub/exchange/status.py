# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the server's status, as the job ``status-page`` leaves it in ``hub/status.json`` for administrators."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BODY = "<body>"


@dataclass(frozen=True)
class StatusPage:
    """A whole page (HTML) in two parts, between which the hub says how old it is."""

    made: datetime.datetime
    head: str
    rest: str


def parse_status(document: Mapping[str, Any]) -> StatusPage:
    """Return the page of a document; raises ValueError for one that is none."""
    made = datetime.datetime.fromisoformat(document["made"])
    if made.tzinfo is None:
        raise ValueError("made has no zone")
    head, body, rest = document["page"].partition(BODY)
    if not body:
        raise ValueError("page is no page")
    return StatusPage(made, head + body, rest)
