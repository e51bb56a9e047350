# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks every login against the roster, whichever method is used, and makes people wait after wrong passwords."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Instance, Integer, Unicode

from ..exchange.file import ExchangeFile
from ..exchange.roster import Person, Roster, parse_roster
from ..words.language import gettext as _
from .password_store import FREE_FAILURES, PasswordStore
from .turns import CrowdedError, Remembered, Turns

LONGEST_NAME = 200
ADDRESS_FREE_FAILURES = 60
"""Failures of an address with all names together in an hour: a course behind one address makes some mistakes."""
WORKERS, STRANGERS = 2, 1
"""Checks at once: of people in the roster, and of names that are not in it."""
LONGEST_QUEUE, LONGEST_QUEUE_OF_STRANGERS = 200, 8
NAME_FREE_FAILURES = 50
"""Failures of a name from all addresses together: high, so that a few guesses of a stranger lock nobody out."""


def today() -> datetime.date:
    """Return the day in the host's time zone."""
    return datetime.datetime.now().astimezone().date()


def network(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the network of 64 bits that one IPv6 user has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def mapped(name: str, names: Mapping[str, str]) -> str | None:
    """Return the roster's name for somebody whom a directory or identity provider calls ``name``.

    ``names`` maps names there to names here. None for a name that ``names`` gives to somebody else: the account "alice"
    there must not become the "alice" here who is called "asmith" there.
    """
    if name in names:
        return names[name]
    return None if name in names.values() else name


def subjects(name: str, address: str, good: bool = False) -> dict[str, int]:
    """Return whose failures count, and how many of each are free. Whoever logged in from here before may go on."""
    found = {f"{name} {address}": FREE_FAILURES, name: NAME_FREE_FAILURES}
    # No name begins with a space, so nobody can fail in the name of an address.
    hour = int(time.time() // 3600)
    return found if good else {**found, f"  {address} {hour}": ADDRESS_FREE_FAILURES}


class RosterGate(Authenticator):
    """Base of every authenticator: only people of the roster can log in, and only as long as they are in it."""

    roster_file = Unicode("/etc/labserver/public/roster.json", config=True, help="The list of the lab's people.")
    roster_copy = Unicode("", config=True, help="Where its last valid content is saved; empty: nowhere.")
    _roster = Instance(ExchangeFile, allow_none=True)

    # Asked again on (nearly) every request, so that a removed person is out at once, tokens included.
    auth_refresh_age = Integer(2, config=True)
    auth_refresh_strict = True
    refresh_pre_spawn = True
    allow_all = False
    any_allow_config = True

    def roster(self) -> Roster:
        """Return the roster as it is now."""
        if self._roster is None:
            keep = Path(self.roster_copy) if self.roster_copy else None
            self._roster = ExchangeFile(Path(self.roster_file), parse_roster, Roster(), self.log, keep)
        roster: Roster = self._roster.current()
        return roster

    def has_roster(self) -> bool:
        """Tell whether a roster was ever read; without one nobody can log in, and nobody's access is revoked."""
        self.roster()
        return self._roster is not None and self._roster.known

    def _require_roster(self) -> None:
        if not self.has_roster():
            raise HTTPError(503, _("The list of the lab's people cannot be read. Please tell the administrator."))

    def person(self, name: str) -> Person | None:
        """Return the person with that login name if they may log in now."""
        person = self.roster().people.get(name)
        return None if person is None or person.refusal(today()) else person

    def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        """Tell whether somebody who proved to be ``username`` may log in; raises 403 with the reason if not."""
        self._require_roster()
        person = self.roster().people.get(username)
        reason = _("it is not among the people of this server") if person is None else person.refusal(today())
        if person is not None and person.room is not None:
            reason = _("it belongs to a room, into which people go by their own names")
        if reason:
            sentence = _("Your login as {name} is right, but {reason}. Please ask the administrator.")
            raise HTTPError(403, sentence.format(name=username, reason=reason))
        return True

    def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool:
        person = self.person(authentication["name"])
        return person is not None and person.admin

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        self._require_roster()
        if self.person(user.name) is None:
            return False
        refreshed: bool | dict[str, Any] = await super().refresh_user(user, handler)
        return refreshed


class PasswordGate(RosterGate):
    """Base of authenticators that ask for a password: checked in a thread, with a pause after wrong passwords."""

    failures_path = Unicode(
        "/srv/labserver/hub/state/failures.sqlite", config=True, help="Where wrong passwords are counted."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # bcrypt takes 0.3 s of CPU, a directory may take seconds: in a thread, so that the hub goes on answering.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        # Anybody can send names that do not exist: their checks, which must take as long, have a queue of their own.
        self._people = Turns(WORKERS, LONGEST_QUEUE, "people")
        self._strangers = Turns(STRANGERS, LONGEST_QUEUE_OF_STRANGERS, "strangers")
        self._good = Remembered()
        self._creating = threading.Lock()

    def failures(self) -> PasswordStore:
        """Return the store in which failures are counted."""
        store = PasswordStore(Path(self.failures_path))
        with self._creating, contextlib.suppress(FileExistsError):  # nobody may see a file without tables
            store.create()
        return store

    async def thread(self, function: Any, *args: Any) -> Any:
        """Call a function in one of the threads for passwords."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    async def candidate(self, name: str) -> Any:
        """Return what ``matches`` needs to know of the name; called on the hub's event loop."""
        return None

    def matches(self, name: str, password: str, candidate: Any) -> bool:
        """Tell whether the password is right; called in a thread."""
        raise NotImplementedError

    def is_known(self, name: str) -> bool:
        """Tell whether a name, as it was typed, may be that of a person of the roster."""
        return name in self.roster().people

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Return the name if the password is right.

        Raises 403 with the waiting time while no attempt is allowed, and 503 while too many others wait.
        """
        name = data.get("username", "").strip().lower()
        if len(name) > LONGEST_NAME:
            return None  # failures are kept by name, and nobody's name is that long
        address = network(handler.request.remote_ip)
        good = (name, address) in self._good
        pause = await self.thread(self._pause, subjects(name, address, good))
        right = False
        if pause <= 0:
            candidate = await self.candidate(name)
            turns = self._people if self.is_known(name) else self._strangers
            attempt = (name, address, good, data.get("password", ""), candidate)
            try:
                right, pause = await turns.run(address, good, self._attempt, *attempt)
            except CrowdedError:
                raise HTTPError(
                    503, _("Too many people log in at this moment. Please try again in a minute.")
                ) from None
        if pause > 0:
            raise HTTPError(
                403, _("Too many wrong passwords. Try again in {count} seconds.").format(count=round(pause + 0.5))
            )
        if right:
            self._good.add(name, address)
        return name if right else None

    def _pause(self, counted: Mapping[str, int]) -> float:
        return self.failures().pause(counted, time.time())

    def _attempt(self, name: str, address: str, good: bool, password: str, candidate: Any) -> tuple[bool, float]:
        """Return whether the password is right, and for how many seconds no attempt is allowed.

        One call in one thread: of many guesses sent at once, the later ones find the pause that the first ones caused.
        """
        counted = subjects(name, address, good)
        store = self.failures()
        pause = store.pause(counted, time.time())
        if pause > 0:
            return False, pause
        right = self.matches(name, password, candidate)
        if right:
            store.succeeded(f"{name} {address}")
        else:
            store.failed(counted, time.time())
        return right, 0.0
