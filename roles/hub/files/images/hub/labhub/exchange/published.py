# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host made of people's builds, as ``hub/published.json`` tells: an image, or why none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .text import clean


@dataclass(frozen=True)
class Published:
    """``reason``: ok, removed, or a word for why not, of which ``line`` says more."""

    reason: str
    line: str = ""
    digest: str = ""


def parse_published(document: Mapping[str, Any]) -> dict[str, Published]:
    """Return what came of each build, by its id."""
    return {
        str(key): Published(str(raw["reason"]), clean(raw["line"]), str(raw["digest"]))
        for key, raw in document["results"].items()
    }
