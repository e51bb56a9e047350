# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is announced now, to everybody and to each person."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from ..exchange.announcements import SEVERITIES, Announcement
from ..exchange.file import ExchangeFile
from ..exchange.retirement import Retirement
from ..exchange.roster import Roster
from ..servers import names, rooms
from ..words.language import gettext, later, ngettext

FAREWELL = later(
    "Your access ends after {day} ({when}). Save what you want to keep, or ask whoever looks after this server for more"
    " time."
)

LAST_DAYS = later(
    "This server goes out of service on {day}; from then on no server is started. Save elsewhere what you want to keep."
    " Questions: {contact}"
)


def last_days(retiring: Retirement) -> Announcement:
    """Return the announcement that this server goes out of service."""
    return Announcement(LAST_DAYS, "danger", values={"day": retiring.day.isoformat(), "contact": retiring.contact})


RESTART = later(
    "This lab server is restarted for updates between {begins} and {ends}. Running servers stop then: what is saved in"
    " files stays, what is in memory alone is lost. Save your work, and end long computations before."
)
"""What the host's job writes into reboot.json."""


def farewell(expires: datetime.date | None, today: datetime.date, notice_days: int) -> Announcement | None:
    """Return the announcement that access ends soon (in at most ``notice_days``); None if it does not."""
    if expires is None or not 0 <= (left := (expires - today).days) <= notice_days:
        return None
    when = ngettext("in {count} day", "in {count} days", left).format(count=left)
    when = gettext("today") if left == 0 else gettext("tomorrow") if left == 1 else when
    return Announcement(
        FAREWELL,
        "danger" if left <= 1 else "warning" if left <= 7 else "info",
        values={"day": expires.isoformat(), "when": when},
    )


def _said(one: Announcement) -> str:
    """Return an announcement in the language that is spoken: the inventory's words stay."""
    return one.text if one.values is None else gettext(one.text).format(**one.values)


class Board:
    """What is announced now: by the inventory, by maintenance that is under way, and to single people."""

    def __init__(
        self,
        files: Sequence[ExchangeFile[tuple[Announcement, ...]]],
        roster: ExchangeFile[Roster],
        retiring: Callable[[], Retirement | None] = lambda: None,
    ):
        self._files = files
        self._roster = roster
        self._retiring = retiring
        self.personal: dict[str, Announcement] = {}
        """By ``names.key``: each concerns one server."""

    def shown(
        self,
        now: datetime.datetime,
        name: str | None = None,
        groups: tuple[str, ...] | None = None,
        own: Announcement | None = None,
        of_rooms: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Return text and severity of each announcement for a person, the most severe first; ``own`` is one more.

        With ``stay`` comes ``server``, which the button "I still need it" sends back.
        ``of_rooms`` are the rooms of the person: what concerns these concerns the person.
        """
        # A file that was removed announces nothing any more; one that is half written counts as unchanged.
        there = [file for file in self._files if file.path.exists()]
        found = [one for file in there for one in file.current() if one.holds(now, groups, name)]
        found += [own] if own else []
        retiring = self._retiring()
        found += [last_days(retiring)] if retiring else []
        mine = names.keys_of(name, list(self.personal)) if name is not None else []
        found += [self.personal[key] for key in mine if self.personal[key].holds(now, groups)]
        found += [self.personal[room] for room in of_rooms if room in self.personal]
        found.sort(key=lambda one: -SEVERITIES.index(one.severity))
        return [
            {"text": _said(one), "severity": one.severity, "stay": one.stay}
            | ({"server": one.server} if one.stay else {})
            for one in found
        ]

    def for_user(self, user: Any) -> list[dict[str, Any]]:
        """Return the announcements for a user of the hub (None: nobody is logged in)."""
        now = datetime.datetime.now(datetime.UTC)
        if user is None:
            return self.shown(now)
        roster = self._roster.current()
        person = roster.people.get(user.name)
        if person is None:
            return self.shown(now, user.name, ())
        own = farewell(person.expires, now.astimezone().date(), roster.notice_days)
        mine = [room.name for room in rooms.rooms_of(roster, person)]
        return self.shown(now, user.name, person.groups, own, mine)
