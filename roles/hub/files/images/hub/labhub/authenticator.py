# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may in: the roster decides, whatever the authenticator; and the authenticator with passwords of the hub's own."""

from __future__ import annotations

import asyncio
import datetime
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bcrypt
from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Instance, Integer, Unicode

from . import handlers
from ._password_store import FREE_FAILURES, PasswordStore, read_record
from .exchange import ExchangeFile
from .roster import Person, Roster, parse_roster

BCRYPT_LONGEST_BYTES = 72
LONGEST_NAME = 200
NAME_FREE_FAILURES = 50
"""Failures of a name from all addresses together: high, so that nobody is locked out by a stranger's few guesses."""
# A hash that no password has: an unknown name must take as long as a wrong password.
NOBODY = b"$2b$12$C6UzMDM.H6dfI/f/IKcEeOuU2o5uE8kYwq8S1tsdnpM9GqhkF4c8S"


def _cost(digest: str) -> int:
    return int(digest.split("$")[2])


def today() -> datetime.date:
    """Return the day in the host's time zone."""
    return datetime.datetime.now().astimezone().date()


class RosterGate(Authenticator):
    """Mixed into every authenticator: only people of the roster get in, and for as long as they are in it."""

    roster_file = Unicode("/etc/labserver/public/roster.json", config=True, help="The list of the lab's people.")
    roster_copy = Unicode("", config=True, help="Where its last good version is kept; empty: nowhere.")
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

    def knows_the_people(self) -> bool:
        """Tell whether there is a list of people at all; without one nobody enters, and nobody loses anything."""
        self.roster()
        return self._roster is not None and self._roster.known

    def person(self, name: str) -> Person | None:
        """Return the person of that login name if they may enter now."""
        person = self.roster().people.get(name)
        return None if person is None or person.refusal(today()) else person

    def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        return self.person(username) is not None

    def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool:
        person = self.person(authentication["name"])
        return person is not None and person.admin

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        if not self.knows_the_people():
            raise HTTPError(503, "The list of the lab's people cannot be read. Please tell the administrator.")
        if self.person(user.name) is None:
            return False
        refreshed: bool | dict[str, Any] = await super().refresh_user(user, handler)
        return refreshed


class LabAuthenticator(RosterGate):
    """Passwords in a store of the hub's own. Every account starts with a one-time password, set from the host.

    In the spirit of FirstUseAuthenticator (people choose their password at first login), but no account is ever open:
    who has no entry in the store cannot log in.
    """

    store_path = Unicode("/srv/labserver/hub/state/passwords.sqlite", config=True, help="The password store.")
    record_path = Unicode(
        "/etc/labserver/hub/password-store.json", config=True, help="What is recorded about the store."
    )
    minimum_length = Integer(10, config=True, help="Shortest password that people may choose, in characters.")
    rounds = Integer(12, config=True, help="Cost of a chosen password's hash (bcrypt).")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.store = PasswordStore(Path(self.store_path))
        # bcrypt takes 0.3 s of CPU: in a thread, so that the hub goes on answering.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="bcrypt")

    def check_store(self) -> None:
        """Raise StoreError when the store was replaced or has lost entries: the hub must not start on it."""
        self.store.check(read_record(Path(self.record_path)))

    async def _thread(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Return the name when the password is right; raises 403 with the cause when nothing may be tried now."""
        name = self.normalize_username(data.get("username", ""))
        if len(name) > LONGEST_NAME:
            return None  # failures are kept by name, and nobody's name is that long
        password = data.get("password", "").encode()
        right, pause = await self._thread(self._attempt, name, handler.request.remote_ip, password)
        if pause > 0:
            raise HTTPError(403, f"Too many wrong passwords. Try again in {round(pause + 0.5)} seconds.")
        return name if right else None

    def _attempt(self, name: str, address: str, password: bytes) -> tuple[bool, float]:
        """Return whether the password is right, and the seconds of the pause when it may not be tried.

        All in one thread: of many guesses sent at once, the later ones meet the pause that the first ones caused.
        """
        subjects = {f"{name} {address}": FREE_FAILURES, name: NAME_FREE_FAILURES}
        pause = self.store.pause(subjects, time.time())
        if pause > 0:
            return False, pause
        right = len(password) <= BCRYPT_LONGEST_BYTES and self._matches(name, password)
        if right:
            for subject in subjects:
                self.store.succeeded(subject)
        else:
            self.store.failed(subjects, time.time())
        return right, 0.0

    def _matches(self, name: str, password: bytes) -> bool:
        entry = self.store.get(name) if self.person(name) else None
        if entry is not None and _cost(entry.hash) < _cost(NOBODY.decode()):
            bcrypt.checkpw(password, NOBODY)  # one-time passwords are long and hashed cheaply: nobody is to see which
        return bcrypt.checkpw(password, NOBODY if entry is None else entry.hash.encode()) and entry is not None

    def must_change(self, name: str) -> bool:
        """Tell whether the person still has a one-time password."""
        entry = self.store.get(name)
        return entry is None or entry.one_time

    def objection(self, name: str, new: str) -> str:
        """Return why ``new`` cannot be the password of ``name``, or an empty string."""
        if len(new) < self.minimum_length:
            return f"The new password is too short: it needs at least {self.minimum_length} characters."
        if len(new.encode()) > BCRYPT_LONGEST_BYTES:
            return (
                f"The new password is too long: {len(new.encode())} bytes, at most {BCRYPT_LONGEST_BYTES} are possible"
                " (letters with accents count as two or more)."
            )
        if "\0" in new:
            return "The new password contains a character that no password can have."
        if name.lower() in new.lower() and len(new) - len(name) < self.minimum_length:
            return "The new password is little more than the user name."
        return ""

    async def change_password(self, handler: Any, name: str, old: str, new: str) -> str:
        """Set a new password; returns an objection, or an empty string when it is done."""
        objection = self.objection(name, new)
        if not objection and old == new:
            objection = "The new password is the old one."
        if objection:
            return objection
        if await self.authenticate(handler, {"username": name, "password": old}) != name:
            return "The current password is wrong."
        digest = await self._thread(bcrypt.hashpw, new.encode(), bcrypt.gensalt(self.rounds))
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        if not await self._thread(self.store.change, name, digest.decode(), now):
            return "This account has no password; ask the administrator."
        self.log.info("%s changed the password", name)
        return ""

    def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        """Refuse to start a server for a person with a one-time password."""
        if self.must_change(user.name):
            raise HTTPError(403, "Please choose a password of your own first: Home, then Password.")

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        return handlers.password_handlers()
