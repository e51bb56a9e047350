# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may in by SSH: with a key of the roster, or with a token of the hub as password, which is bounded as logins are.

Both give a **proof**, a text by which the hub tells later whether that key or token still counts.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from jupyterhub import orm
from jupyterhub.scopes import get_scopes_for

from ..exchange.roster import Person
from ..login.gate import LONGEST_NAME, network, subjects
from ..login.password_store import PasswordStore
from . import keys

STORE = "ssh-failures.sqlite"
KEY, TOKEN = "key ", "token "
LONGEST_TOKEN = 200


class PauseError(Exception):
    """No attempt is allowed for so many seconds."""

    def __init__(self, seconds: float):
        super().__init__(f"Too many wrong tokens. Try again in {round(seconds + 0.5)} seconds.")


class Tries:
    """``application`` is the running JupyterHub; wrong tokens are counted in a file of the state folder.

    They are not counted together with wrong passwords on the pages: who guesses here keeps nobody out there.
    """

    def __init__(self, application: Any, state_folder: str):
        self.app = application
        self._path = Path(state_folder) / STORE

    def person(self, name: str) -> Person | None:
        """Return the person of that name if they may come in now; rooms have no files of their own to come for."""
        if not name or len(name) > LONGEST_NAME:
            return None
        found: Person | None = self.app.authenticator.person(name)
        return None if found is None or found.room is not None else found

    def keys(self, name: str) -> list[str]:
        """Return the keys with which somebody may log in; none for a name that may not, or that nobody has."""
        person = self.person(name)
        return [] if person is None else keys.usable(person.ssh_keys)

    def _store(self) -> PasswordStore:
        store = PasswordStore(self._path)
        with contextlib.suppress(FileExistsError):
            store.create()
        return store

    def token(self, name: str, token: str, address: str) -> str:
        """Return the proof of a token, empty for a wrong one; raises PauseError after too many wrong ones."""
        place = network(address)
        counted, store = subjects(name[:LONGEST_NAME], place), self._store()
        pause = store.pause(counted, time.time())
        if pause > 0:
            raise PauseError(pause)
        row = self._row(name, token) if self.person(name) is not None else None
        if row is None:
            store.failed(counted, time.time())
            return ""
        store.succeeded(f"{name} {place}")
        return f"{TOKEN}{row.id}"

    def _row(self, name: str, token: str) -> Any:
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        row = orm.APIToken.find(self.app.db, token)
        return row if row is not None and self._good(row, name) else None

    @staticmethod
    def _good(row: Any, name: str) -> bool:
        """Tell whether a token is one that the person asked for, and may what its person may with their own server.

        Tokens of servers and of browsers do not count: the first can be read by whoever is in that server.
        """
        own = row.user is not None and row.user.name == name and row.client_id == "jupyterhub"
        if not own or str(row.note or "").startswith("Server at "):
            return False
        return bool({"access:servers", f"access:servers!user={name}"} & set(get_scopes_for(row)))

    def stands(self, name: str, proof: str) -> bool:
        """Tell whether what somebody logged in with still counts."""
        if self.person(name) is None:
            return False
        if proof.startswith(KEY):
            return proof.removeprefix(KEY) in self.keys(name)
        if proof.startswith(TOKEN):
            number = proof.removeprefix(TOKEN)
            row = self.app.db.get(orm.APIToken, int(number)) if number.isdecimal() else None
            expired = row is None or (row.expires_at is not None and row.expires_at < orm.APIToken.now())
            return not expired and self._good(row, name)
        return False
