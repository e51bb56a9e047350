# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first page shows of servers that several people use: the rooms of one's groups, and what is shared."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyterhub import orm

from ..exchange.roster import Person, Roster
from ..exchange.settings import Settings
from ..servers import rooms, visits


@dataclass(frozen=True)
class Room:
    """A room as a member sees it. ``inside``: full names of those who are in it now."""

    name: str
    title: str
    group: str
    state: str
    home: str
    inside: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """A server that is shared with somebody: the other's login and full name, until when (ISO time, UTC).

    ``server`` is the name of a further server, else empty.
    """

    name: str
    full_name: str
    until: str
    server: str = ""


@dataclass(frozen=True)
class Together:
    """The part of the first page. ``hours`` 0: people cannot share their servers here."""

    rooms: tuple[Room, ...]
    mine: tuple[Share, ...]
    others: tuple[Share, ...]
    hours: int


def called(people: Mapping[str, Person], name: str) -> str:
    """Return the full name of somebody, or the login name where there is none."""
    return people[name].full_name or name if name in people else name


def state_of(spawner: Any) -> str:
    """Return ``stopped``, ``starting``, ``stopping`` or ``running``."""
    if spawner is None:
        return "stopped"
    if spawner.pending:
        return "stopping" if spawner.pending == "stop" else "starting"
    return "running" if spawner.active else "stopped"


def look(db: Any, users: Any, roster: Roster, settings: Settings, person: Person, now: datetime.datetime) -> Together:
    """Return what a person sees; ``users`` are JupyterHub's."""
    found = []
    for room in rooms.rooms_of(roster, person):
        row = orm.User.find(db, room.name)
        spawner = users[row].spawners.get("") if row is not None else None
        inside = visits.inside(db, room.name, now)
        found.append(
            Room(
                name=room.name,
                title=room.full_name or room.name,
                group=rooms.group_of(room),
                state=state_of(spawner),
                home=room.home,
                inside=tuple(called(roster.people, name) for name in inside),
            )
        )
    hours = settings.sharing_hours if settings.sharing else 0
    mine, others = visits.shares(db, person.name, hours) if hours else ([], [])
    return Together(
        rooms=tuple(found),
        mine=tuple(_share(one.guest, one, roster) for one in mine),
        others=tuple(_share(one.owner, one, roster) for one in others),
        hours=hours,
    )


def _share(name: str, one: visits.Shared, roster: Roster) -> Share:
    return Share(name, called(roster.people, name), f"{one.until.isoformat(timespec='seconds')}Z", one.server)
