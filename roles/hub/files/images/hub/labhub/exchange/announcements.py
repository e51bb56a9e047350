# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Announcements: texts with a severity, a period and the groups they are meant for, as the JSON files list them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("info", "warning", "danger")


@dataclass(frozen=True)
class Announcement:
    """One announcement. ``groups`` None: for all; else for members of these groups, once they are logged in.

    With ``people`` it is for these alone. ``values`` are put into the text, in braces, after it was translated.
    ``stay`` offers the button "I still need it" for ``server``, which is a ``names.key``.
    """

    text: str
    severity: str = "info"
    begins: datetime.datetime | None = None
    ends: datetime.datetime | None = None
    groups: tuple[str, ...] | None = None
    people: tuple[str, ...] | None = None
    values: Mapping[str, str] | None = None
    stay: bool = False
    server: str = ""

    def holds(self, now: datetime.datetime, groups: tuple[str, ...] | None, name: str | None = None) -> bool:
        """Tell whether to show it now to somebody of this name with these groups (None: nobody is logged in)."""
        if (self.begins and now < self.begins) or (self.ends and now > self.ends):
            return False
        if self.people is not None and name not in self.people:
            return False
        return self.groups is None or bool(set(self.groups) & set(groups or ()))


def _time(raw: str | None) -> datetime.datetime | None:
    if raw is None:
        return None
    found = datetime.datetime.fromisoformat(raw)
    return found if found.tzinfo else found.astimezone()


def parse_announcements(document: Mapping[str, Any]) -> tuple[Announcement, ...]:
    """Return the announcements of a document; raises ValueError for an unknown severity or a wrong time."""
    found = []
    for raw in document["announcements"]:
        severity = raw.get("severity") or "info"
        if severity not in SEVERITIES:
            raise ValueError(f"severity {severity!r} is not one of {', '.join(SEVERITIES)}")
        groups, people, values = raw.get("groups"), raw.get("people"), raw.get("values")
        found.append(
            Announcement(
                text=str(raw["text"]),
                severity=severity,
                begins=_time(raw.get("from")),
                ends=_time(raw.get("until")),
                groups=None if groups is None else tuple(groups),
                people=None if people is None else tuple(people),
                values=None if values is None else {str(key): str(value) for key, value in values.items()},
            )
        )
    return tuple(found)
