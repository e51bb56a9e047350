# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which day on this server is out of service, as ``public/retirement.json`` says; without the file it stays."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Retirement:
    """``day``: from then on no server is started any more. ``contact``: whom people ask."""

    day: datetime.date
    contact: str

    def has_come(self, today: datetime.date) -> bool:
        """Tell whether servers are no longer started."""
        return today >= self.day


def parse_retirement(document: Mapping[str, Any]) -> Retirement:
    """Return what the document says; raises ValueError, KeyError or TypeError when it is not one."""
    return Retirement(datetime.date.fromisoformat(document["day"]), str(document["contact"]))
