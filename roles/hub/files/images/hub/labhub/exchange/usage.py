# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each person used this month, as ``hub/usage.json`` tells the hub alone; each person is shown the own part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Used:
    """What one person used: hours of a server, of cores, of GiB and of cards; ``disk_bytes`` None: nobody counts."""

    hours: float
    cpu_hours: float
    memory_gib_hours: float
    gpu_hours: float
    disk_bytes: int | None = None


@dataclass(frozen=True)
class Usage:
    """The usage of all people in one month (``2026-11``)."""

    month: str = ""
    people: Mapping[str, Used] = field(default_factory=dict)

    def of(self, name: str, month: str) -> Used | None:
        """Return what a person used in a month; None where that is not known."""
        return self.people.get(name) if month == self.month else None


def parse_usage(document: Mapping[str, Any]) -> Usage:
    """Return the usage of a document."""
    return Usage(
        str(document["month"]),
        {
            str(name): Used(
                hours=float(raw["hours"]),
                cpu_hours=float(raw["cpu_hours"]),
                memory_gib_hours=float(raw["memory_gib_hours"]),
                gpu_hours=float(raw["gpu_hours"]),
                disk_bytes=None if raw["disk_bytes"] is None else int(raw["disk_bytes"]),
            )
            for name, raw in document["people"].items()
        },
    )
