# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login method ``firstuse``: passwords in a store of the hub's own, first a one-time password from the host."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from tornado.web import HTTPError
from traitlets import Unicode

from ..exchange.settings import Settings
from ..words.language import gettext as _
from . import pages
from .password_store import PasswordStore, read_record
from .passwords import OwnPasswords


class LabFirstUseAuthenticator(OwnPasswords):
    """Passwords in a store of the hub's own. Every account starts with a one-time password, set from the host.

    In the spirit of FirstUseAuthenticator (people choose their password at first login), but no account is ever open:
    a name without an entry in the store cannot log in.
    """

    store_path = Unicode("/srv/labserver/hub/state/passwords.sqlite", config=True, help="The password store.")
    record_path = Unicode(
        "/etc/labserver/hub/password-store.json", config=True, help="The record that the store is checked against."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.store = PasswordStore(Path(self.store_path))

    def check_store(self) -> None:
        """Raise StoreError when the store was replaced or has lost entries: the hub must not start on it."""
        self.store.check(read_record(Path(self.record_path)))

    def failures(self) -> PasswordStore:
        return self.store

    async def candidate(self, name: str) -> bytes | None:
        entry = await self.thread(self.store.get, name)
        return None if entry is None else entry.hash.encode()

    async def keep(self, name: str, digest: bytes) -> bool:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return bool(await self.thread(self.store.change, name, digest.decode(), now))

    def must_change(self, name: str) -> bool:
        """Tell whether the person still has a one-time password. A room has none, and nobody logs in as one."""
        person = self.person(name)
        if person is not None and person.room is not None:
            return False
        entry = self.store.get(name)
        return entry is None or entry.one_time

    def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        """Refuse to start a server for, or a room at the wish of, a person with a one-time password."""
        asking = getattr(getattr(spawner, "handler", None), "current_user", None)
        people = [user.name] if asking is None or self.person(asking.name) is None else [user.name, asking.name]
        if any(map(self.must_change, people)):
            raise HTTPError(403, _("Please choose a password of your own first: Home, then Password."))

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        return pages.firstuse_handlers()


def configure(c: Any, settings: Settings) -> None:
    """Fill in JupyterHub's configuration."""
    c.LabFirstUseAuthenticator.store_path = str(Path(settings.state_folder) / "passwords.sqlite")
    c.LabFirstUseAuthenticator.record_path = settings.password_record
    c.LabFirstUseAuthenticator.minimum_length = settings.password_minimum_length
