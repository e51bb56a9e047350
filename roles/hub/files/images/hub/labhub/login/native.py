# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login method ``native``: people of the roster sign up with a password, and an administrator approves them.

The table is that of the package nativeauthenticator, so that a hub that used it before keeps its passwords. Its pages
are not: they need parts of JupyterHub that version 6 no longer has, and they approve by a GET request, which any page
that an administrator opens could send.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nativeauthenticator import NativeAuthenticator
from nativeauthenticator.orm import UserInfo
from tornado.web import HTTPError
from traitlets import default

from ..exchange.settings import Settings, load
from ..words.language import gettext as _
from . import pages
from .passwords import OwnPasswords


class LabNativeAuthenticator(OwnPasswords, NativeAuthenticator):
    """Sign-up for people of the roster; nobody can log in before an administrator approves."""

    open_signup = False
    allow_self_approval_for = None

    @default("db")
    def _deprecated_db(self) -> Any:
        return getattr(self.parent, "db", None)

    def add_new_table(self) -> None:
        if self.db is not None:  # while a configuration is tried there is no database
            super().add_new_table()

    def _columns(self, name: str) -> Any:
        # Columns and not the object: approvals by another process must be seen at once.
        query = self.db.query(UserInfo.password, UserInfo.is_authorized)
        return query.filter(UserInfo.username == name).first()

    async def candidate(self, name: str) -> bytes | None:
        found = self._columns(name)
        return None if found is None else bytes(found[0])

    def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        super().check_allowed(username, authentication)
        found = self._columns(username)
        if found is None or not found[1]:
            raise HTTPError(
                403, _("Your login as {name} is right, but no administrator has approved it yet.").format(name=username)
            )
        return True

    async def keep(self, name: str, digest: bytes) -> bool:
        done = self.db.query(UserInfo).filter(UserInfo.username == name).update({UserInfo.password: digest})
        self.db.commit()
        return done == 1

    async def sign_up(self, name: str, password: str) -> str:
        """Store the password of somebody who signs up; returns why that is not possible, or an empty string."""
        if self.person(name) is None:
            sentence = _("{name} is not among the people of this server. Please ask the administrator.")
            return sentence.format(name=name or "?")
        if self._columns(name) is not None:
            return _("{name} has signed up already. If that was not you, tell the administrator.").format(name=name)
        objection = self.objection(name, password)
        if objection:
            return objection
        digest = await self.hashed(password)
        if self._columns(name) is not None:  # somebody signed up with this name meanwhile
            return _("{name} has signed up already. If that was not you, tell the administrator.").format(name=name)
        self.db.add(UserInfo(username=name, password=digest, is_authorized=False))
        self.db.commit()
        self.log.info("%s signed up and waits for approval", name)
        return ""

    def waiting(self) -> list[str]:
        """Return the names that wait for approval."""
        rows = self.db.query(UserInfo.username).filter(UserInfo.is_authorized.is_(False)).order_by(UserInfo.username)
        return [row[0] for row in rows]

    def decide(self, name: str, verdict: str) -> bool:
        """Approve or discard a waiting sign-up; False if there is none."""
        query = self.db.query(UserInfo).filter(UserInfo.username == name, UserInfo.is_authorized.is_(False))
        done = query.update({UserInfo.is_authorized: True}) if verdict == "approve" else query.delete()
        self.db.commit()
        return bool(done)

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        return pages.native_handlers()


def configure(c: Any, settings: Settings) -> None:
    """Fill in JupyterHub's configuration."""
    native = c.LabNativeAuthenticator
    native.failures_path = str(Path(settings.state_folder) / "failures.sqlite")
    native.minimum_length = settings.password_minimum_length


def main(arguments: Sequence[str]) -> int:
    """List, approve or discard sign-ups from the host: the first administrator has nobody else to approve them."""
    database = Path(load().state_folder) / "jupyterhub.sqlite"
    with (
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=15)) as connection,
        connection,
    ):
        match list(arguments):
            case ["list"]:
                command = "SELECT username FROM users_info WHERE is_authorized = 0"
                sys.stdout.write("".join(f"{row[0]}\n" for row in connection.execute(command)))
                return 0
            case ["approve", name]:
                command = "UPDATE users_info SET is_authorized = 1 WHERE is_authorized = 0 AND username = ?"
            case ["discard", name]:  # also somebody who was approved, and forgot the password
                command = "DELETE FROM users_info WHERE username = ?"
            case _:
                sys.stderr.write("usage: python -m labhub.login.native list | approve NAME | discard NAME\n")
                return 2
        if connection.execute(command, (name,)).rowcount == 1:
            return 0
    sys.stderr.write(f"{name}: there is no such sign-up\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
