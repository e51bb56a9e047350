# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of administrators: everybody of the roster with server, files, last use and last failure. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..exchange.homes import Home
from ..exchange.roster import Person, Roster
from ..exchange.text import clean
from ..servers import failures as failures_of
from ..words.language import gettext as _
from .desk import Server


@dataclass(frozen=True)
class Row:
    """One person. ``refusal``: why they may not log in; ``last_use``: ISO time in UTC.

    ``known``: whether they ever logged in. ``failure``: ``at`` and ``sentence`` of the last start that failed.
    """

    name: str
    full_name: str
    groups: tuple[str, ...]
    admin: bool
    refusal: str
    expires: str
    known: bool
    last_use: str
    servers: tuple[Server, ...]
    cards: tuple[str, ...]
    home: Home | None
    failure: Mapping[str, str] | None

    @property
    def running(self) -> bool:
        """Whether any of the person's servers runs, starts or stops."""
        return any(server.state != "stopped" for server in self.servers)

    @property
    def state(self) -> str:
        """What the page filters by."""
        if self.running:
            return "running"
        return "stopped" if self.known else "never"


def last_failures(failures: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the newest failure of each person; ``failures``: the oldest first."""
    found: dict[str, dict[str, str]] = {}
    for one in failures:
        found[str(one.get("user", ""))] = {
            "at": clean(one.get("at") or "", 40),
            "sentence": failures_of.told(one),
            "image": clean(one.get("image") or "", 120),
        }
    return found


def rows(
    roster: Roster,
    today: datetime.date,
    last_uses: Mapping[str, str],
    servers: Mapping[str, Sequence[Server]],
    held: Mapping[str, str],
    homes: Mapping[str, Home],
    failures: Mapping[str, Mapping[str, str]],
) -> tuple[Row, ...]:
    """Return a row for each person of the roster, and for who is not (any more) in it and has a server.

    ``last_uses``: login name -> ISO time, for everybody who ever logged in. ``held``: graphics card -> login name.
    """
    cards: dict[str, list[str]] = {}
    for card, name in held.items():
        cards.setdefault(name, []).append(card)
    found = []
    for name in sorted({*roster.people, *servers}):
        person: Person | None = roster.people.get(name)
        found.append(
            Row(
                name=name,
                full_name=person.full_name if person else "",
                groups=person.groups if person else (),
                admin=person.admin if person else False,
                refusal=person.refusal(today) if person else _("not in the roster"),
                expires=person.expires.isoformat() if person and person.expires else "",
                known=name in last_uses,
                last_use=last_uses.get(name, ""),
                servers=tuple(servers.get(name, ())),
                cards=tuple(sorted(cards.get(name, ()))),
                home=homes.get(name),
                failure=failures.get(name),
            )
        )
    return tuple(found)
