# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password store of the hub: one SQLite file, whose format does not depend on the Python that opens it.

The hub checks passwords against it and lets people change theirs; only the host (module ``hub_passwords``) adds and
removes names. A small record outside of the store says which store it is and how many names it has had, so that a store
that was replaced or has lost entries is noticed instead of leaving accounts that anybody can claim. Both sides use this
file: the hub's image gets it as ``labhub/login/password_store.py``. Hashes are made and compared by the caller.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "1"
RECORD_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS passwords(
    name TEXT PRIMARY KEY, hash TEXT NOT NULL, one_time INTEGER NOT NULL, set_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS removals(name TEXT NOT NULL, removed_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS failures(subject TEXT PRIMARY KEY, count INTEGER NOT NULL, last REAL NOT NULL);
"""
BUSY_SECONDS = 10.0

FREE_FAILURES = 5
"""So many wrong passwords in a row cost nothing but the time of the check."""
FIRST_PAUSE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 900.0


class StoreError(Exception):
    """The store is unusable or not the expected one; the message says what to do."""


@dataclass(frozen=True)
class Entry:
    """One name's password: the bcrypt hash, and whether it is a one-time password that must be changed."""

    name: str
    hash: str
    one_time: bool
    set_at: str


@dataclass(frozen=True)
class Record:
    """What is recorded outside of a store: its identity, and how many names were ever added."""

    store_id: str
    added: int
    backend: str = "sqlite-" + FORMAT

    def text(self) -> str:
        """Return the content of the record's file."""
        return json.dumps({"version": RECORD_VERSION, **dataclasses.asdict(self)}, sort_keys=True) + "\n"


def read_record(path: Path) -> Record | None:
    """Return the record in the file ``path``, None without one; raises StoreError when it cannot be read."""
    try:
        raw: Mapping[str, Any] = json.loads(path.read_bytes())
        if raw["version"] != RECORD_VERSION:
            raise ValueError(f"its version is {raw['version']!r}, and this release knows version {RECORD_VERSION} only")
        return Record(store_id=raw["store_id"], added=int(raw["added"]), backend=raw["backend"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: unreadable record of the password store ({error}); restore it or the backup"
        ) from error


class PasswordStore:
    """The store in the file ``path``. Each call opens and closes it, so that a restored file is used at once."""

    def __init__(self, path: Path):
        self.path = path

    @contextlib.contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        # mode=rw: never make a new, empty store where the old one has gone.
        connection = sqlite3.connect(f"file:{self.path}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.DatabaseError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            connection.close()

    def create(self, uid: int = -1, gid: int = -1) -> None:
        """Make an empty store (mode 0600, given to uid and gid); raises FileExistsError when there is one."""
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self.path)
        try:
            connection.executescript(SCHEMA)
            connection.execute("INSERT INTO meta VALUES('format', ?), ('store_id', ?)", (FORMAT, secrets.token_hex(8)))
            connection.commit()
        finally:
            connection.close()
        os.chown(self.path, uid, gid)

    def entries(self) -> dict[str, Entry]:
        """Return all entries by name."""
        with self._open() as connection:
            rows = connection.execute("SELECT name, hash, one_time, set_at FROM passwords ORDER BY name")
            return {row[0]: Entry(row[0], row[1], bool(row[2]), row[3]) for row in rows}

    def get(self, name: str) -> Entry | None:
        """Return the entry of one name."""
        with self._open() as connection:
            row = connection.execute(
                "SELECT name, hash, one_time, set_at FROM passwords WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else Entry(row[0], row[1], bool(row[2]), row[3])

    def change(self, name: str, digest: str, now: str) -> bool:
        """Set the password that a person chose; False if the store does not have the name."""
        with self._open(write=True) as connection:
            cursor = connection.execute(
                "UPDATE passwords SET hash = ?, one_time = 0, set_at = ? WHERE name = ?", (digest, now, name)
            )
            return cursor.rowcount == 1

    def apply(self, one_time: Mapping[str, str], removed: list[str], now: str) -> None:
        """In one transaction set one-time passwords (name -> hash), new ones included, and remove names."""
        with self._open(write=True) as connection:
            for name, digest in one_time.items():
                connection.execute(
                    "INSERT INTO passwords VALUES(?, ?, 1, ?)"
                    " ON CONFLICT(name) DO UPDATE SET hash = excluded.hash, one_time = 1, set_at = excluded.set_at",
                    (name, digest, now),
                )
                # Not by LIKE: an underscore in a name would stand for any letter there.
                connection.execute(
                    "DELETE FROM failures WHERE subject = ? OR substr(subject, 1, ?) = ?",
                    (name, len(name) + 1, f"{name} "),
                )
            for name in removed:
                if connection.execute("DELETE FROM passwords WHERE name = ?", (name,)).rowcount:
                    connection.execute("INSERT INTO removals VALUES(?, ?)", (name, now))

    def record(self) -> Record:
        """Return the record that fits the store as it is now; raises StoreError for a file that is not such a store."""
        try:
            with self._open() as connection:
                meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
                names, removals = connection.execute(
                    "SELECT (SELECT count(*) FROM passwords), (SELECT count(*) FROM removals)"
                ).fetchone()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path}: not a usable password store ({error}); restore it from a backup") from error
        return Record(meta.get("store_id", ""), names + removals, "sqlite-" + meta.get("format", "?"))

    def check(self, record: Record | None) -> None:
        """Raise StoreError unless the store is the recorded one and has lost nothing."""
        if record is None:
            raise StoreError(f"{self.path}: nothing is recorded about this password store; run the playbook once")
        found = self.record()
        if found.backend != record.backend:
            raise StoreError(f"{self.path}: the store is {found.backend}, it was {record.backend}; restore the backup")
        if found.store_id != record.store_id:
            raise StoreError(f"{self.path}: this is another password store than the recorded one; restore the backup")
        if found.added < record.added:
            raise StoreError(
                f"{self.path}: {record.added - found.added} of {record.added} passwords are gone without a recorded"
                " removal; restore the backup"
            )

    # Brute force: a pause that doubles, for the pair of name and address and, later, for the name alone.

    def pause(self, subjects: Mapping[str, int], now: float) -> float:
        """Return for how many seconds no attempt is allowed; ``subjects`` maps each subject to its free failures."""
        with self._open() as connection:
            rows = [
                (free, connection.execute("SELECT count, last FROM failures WHERE subject = ?", (subject,)).fetchone())
                for subject, free in subjects.items()
            ]
        return max((_pause(row[0] - free, row[1], now) for free, row in rows if row), default=0.0)

    def failed(self, subjects: Mapping[str, int], now: float) -> None:
        """Count a failure for each of the subjects and forget those of yesterday."""
        with self._open(write=True) as connection:
            connection.execute("DELETE FROM failures WHERE last < ?", (now - 86400,))
            for subject in subjects:
                connection.execute(
                    "INSERT INTO failures VALUES(?, 1, ?)"
                    " ON CONFLICT(subject) DO UPDATE SET count = count + 1, last = excluded.last",
                    (subject, now),
                )

    def succeeded(self, subject: str) -> None:
        """Forget the failures of a pair of name and address (``alice 192.0.2.7``), also in the count of the name.

        What somebody else failed with from elsewhere still counts against the name.
        """
        name = subject.split(" ", 1)[0]
        with self._open(write=True) as connection:
            row = connection.execute("SELECT count FROM failures WHERE subject = ?", (subject,)).fetchone()
            if row is None:
                return
            connection.execute("DELETE FROM failures WHERE subject = ?", (subject,))
            connection.execute("UPDATE failures SET count = count - ? WHERE subject = ?", (row[0], name))
            connection.execute("DELETE FROM failures WHERE subject = ? AND count <= 0", (name,))


def _pause(excess: int, last: float, now: float) -> float:
    if excess < 0:
        return 0.0
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(excess, 10), LONGEST_PAUSE_SECONDS)
    # A clock that jumped back must not lock anybody out for longer than the pause itself.
    return min(max(last + pause - now, 0.0), pause)
