# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rooms there are and what their members may: JupyterHub's roles, computed from the roster alone.

This is JupyterHub's documented pattern of collaboration accounts (docs, "Real-time collaboration without
impersonation"): a user without a login, and a role of a group that may start, stop and enter that user's server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ..exchange.file import ExchangeFile
from ..exchange.roster import Person, Roster

COLOURS = 7
"""JupyterLab has so many colours for people who work together: ``--jp-collaborator-color1`` and so on."""


def rooms(roster: Roster) -> dict[str, Person]:
    """Return the rooms that may be used, by their names at the hub."""
    found = roster.people.values()
    return {one.name: one for one in found if one.room is not None and one.state == "present" and one.groups}


def group_of(room: Person) -> str:
    """Return the group whose members use a room; each room has one."""
    return room.groups[0]


def rooms_of(roster: Roster, person: Person) -> list[Person]:
    """Return the rooms of a person, by title."""
    mine = [room for room in rooms(roster).values() if person.room is None and group_of(room) in person.groups]
    return sorted(mine, key=lambda room: (room.full_name.lower(), room.name))


def described(name: str) -> str:
    """Return the description of a room's role, by which it is told from the lab's own."""
    return f"Use the room {name}"


def roles(roster: Roster) -> list[dict[str, Any]]:
    """Return JupyterHub's role of each room: its group's members may see, start, stop and enter its server."""
    return [
        {
            "name": name,
            "description": described(name),
            "scopes": [
                f"access:servers!user={name}",
                f"list:users!user={name}",
                f"read:servers!user={name}",
                f"servers!user={name}",
            ],
            "groups": [group_of(room)],
        }
        for name, room in sorted(rooms(roster).items())
    ]


def client(name: str, server: str = "") -> str:
    """Return the OAuth client of somebody's server, as JupyterHub names it (``user.py``)."""
    return f"jupyterhub-user-{quote(name, safe='')}" + (f"-{quote(server, safe='')}" if server else "")


def identity(person: Person) -> dict[str, str]:
    """Return what JupyterLab shows of a person beside their cursor: name, initials and colour.

    Numbers of people follow each other, so a group's people have different colours as long as there are enough.
    """
    name = person.full_name or person.name
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    colour = f"var(--jp-collaborator-color{person.uid % COLOURS + 1})"
    return {"name": name, "display_name": name, "initials": initials, "color": colour}


def departed(before: Mapping[str, set[str]], roster: Roster, may_enter: set[str]) -> dict[str, set[str]]:
    """Return who no longer belongs to each room: room -> names.

    ``before`` has for each group the people whom the hub's database has in it; ``may_enter`` are those who may log in.
    """
    left = {}
    for name, room in rooms(roster).items():
        group = group_of(room)
        members = {one for one in may_enter if one in roster.people and group in roster.people[one].groups}
        gone = before.get(group, set()) - members
        if gone:
            left[name] = gone
    return left


class Clients(set[str]):
    """JupyterHub's ``oauth_no_confirm_list``: servers that people enter without being asked, as their own.

    To its names come the rooms that there are at the moment. Who may enter is not decided here but by scopes; this only
    leaves out the page that asks "authorize?".
    """

    def __init__(self, names: Iterable[str], roster: ExchangeFile[Roster]):
        super().__init__(names)
        self._roster = roster

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or any(name == client(one) for one in rooms(self._roster.current()))
