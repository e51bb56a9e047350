# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of the lab, as ``public/roster.json`` lists them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..words.language import gettext as _
from ..words.language import later

STATES = (later("present"), later("locked"), later("absent"))


@dataclass(frozen=True)
class Limits:
    """Merged limits of a person; None means the hub's default. Memory in bytes, CPU in cores.

    ``servers`` is how many servers the person may have at once (None: one); they share the other limits.
    """

    cpu: float | None = None
    memory_bytes: int | None = None
    gpus: int = 0
    pids: int | None = None
    images: tuple[str, ...] | None = None
    servers: int | None = None


@dataclass(frozen=True)
class Person:
    """One person: the login name at the hub, the account on the host and what it may use.

    Or a room of a group, whose server all members use: ``room`` is then the image that it starts from (empty: the
    hub's default), and nobody logs in by its name.
    """

    name: str
    system_name: str
    uid: int
    gid: int
    home: str
    full_name: str = ""
    groups: tuple[str, ...] = ()
    admin: bool = False
    state: str = "present"
    expires: datetime.date | None = None
    limits: Limits = field(default_factory=Limits)
    room: str | None = None
    ssh_keys: tuple[str, ...] = ()

    @property
    def most_servers(self) -> int:
        """How many servers the person may have at once."""
        return 1 if self.room is not None else max(1, self.limits.servers or 1)

    def refusal(self, today: datetime.date) -> str:
        """Return why this person may not enter on the day ``today``, or an empty string."""
        if self.state != "present":
            return _("the account is {state}").format(state=_(self.state))
        if self.expires is not None and today > self.expires:
            return _("the account expired on {day}").format(day=self.expires.isoformat())
        return ""


@dataclass(frozen=True)
class Roster:
    """All people, the gids of the lab's groups, and how many days ahead people are told that their access ends."""

    people: Mapping[str, Person] = field(default_factory=dict)
    gids: Mapping[str, int] = field(default_factory=dict)
    notice_days: int = 14

    def group_ids(self, person: Person) -> tuple[int, ...]:
        """Return the gids of the lab groups of a person, in ascending order."""
        return tuple(sorted(self.gids[group] for group in person.groups if group in self.gids))


def _limits(raw: Mapping[str, Any] | None) -> Limits:
    raw = raw or {}
    cpu, memory, images, pids, servers = (raw.get(key) for key in ("cpu", "memory_bytes", "images", "pids", "servers"))
    return Limits(
        cpu=None if cpu is None else float(cpu),
        memory_bytes=None if memory is None else int(memory),
        gpus=int(raw.get("gpus") or 0),
        pids=None if pids is None else int(pids),
        images=None if images is None else tuple(str(pattern) for pattern in images),
        servers=None if servers is None else int(servers),
    )


def parse_roster(document: Mapping[str, Any]) -> Roster:
    """Return the roster of a document; raises KeyError, TypeError or ValueError when it is not one."""
    people = {}
    for name, raw in document["users"].items():
        expires = raw.get("expires")
        people[name] = Person(
            name=name,
            system_name=raw["system_name"],
            uid=int(raw["uid"]),
            gid=int(raw["gid"]),
            home=raw["home"],
            full_name=raw.get("full_name") or "",
            groups=tuple(raw.get("groups") or ()),
            admin=raw.get("admin") is True,
            state=raw.get("state", "present"),
            expires=None if expires is None else datetime.date.fromisoformat(expires),
            limits=_limits(raw.get("limits")),
            room=None if raw.get("room") is None else str(raw["room"].get("image") or ""),
            ssh_keys=tuple(str(key) for key in raw.get("ssh_keys") or ()),
        )
    return Roster(
        people=people,
        gids={name: int(raw["gid"]) for name, raw in document.get("groups", {}).items()},
        notice_days=int(document.get("expiry_notice_days", 14)),
    )
