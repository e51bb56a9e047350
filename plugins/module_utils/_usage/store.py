# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database of the usage: sums by month, person, groups and image; the runs that go on; the disk."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .model import Key, Parent, Run, Sum, Who, month_end

FILE = "srv/labserver/usage/usage.sqlite"
VERSION = 1
WAIT_SECONDS = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS sums (
    month TEXT NOT NULL, person TEXT NOT NULL, groups TEXT NOT NULL, image TEXT NOT NULL,
    seconds REAL NOT NULL, cpu REAL NOT NULL, estimated REAL NOT NULL, memory REAL NOT NULL,
    memory_peak INTEGER NOT NULL, gpu REAL NOT NULL, starts INTEGER NOT NULL,
    PRIMARY KEY (month, person, groups, image)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disk (
    month TEXT NOT NULL, person TEXT NOT NULL, byte_seconds REAL NOT NULL, seconds REAL NOT NULL, peak INTEGER NOT NULL,
    last INTEGER NOT NULL, PRIMARY KEY (month, person)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (container TEXT PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
FIELDS = tuple(Sum.__dataclass_fields__)
ADD = (
    "INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds +"
    " excluded.seconds, cpu = cpu + excluded.cpu, estimated = estimated + excluded.estimated, memory = memory +"
    " excluded.memory, memory_peak = max(memory_peak, excluded.memory_peak), gpu = gpu + excluded.gpu,"
    " starts = starts + excluded.starts"
)


@dataclass(frozen=True)
class State:
    """Where the recorder was: the runs that went on, when it looked last, in which boot, and the group of all servers.

    ``blind``: how many of the runs have no counters.
    """

    runs: Mapping[str, Run]
    looked: float = 0.0
    boot: str = ""
    parent: Parent | None = None
    blind: int = 0


@dataclass(frozen=True)
class Disk:
    """What a person's home held in a month: on average, at most, and last; in bytes."""

    month: str
    person: str
    average: int
    peak: int
    last: int


def _columns(key: Key, one: Sum) -> tuple[str | float, ...]:
    return key.month, key.person, ",".join(key.groups), key.image, *(getattr(one, name) for name in FIELDS)


class Store:
    """The open database; every method raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        """Open or make the database, for root alone."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        path.chmod(0o600)
        # What is deleted is overwritten: it is about people. The log beside it keeps a stop in the middle harmless.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"{path} is of version {version}; this release knows {VERSION}")
        self.connection.executescript(f"{SCHEMA}PRAGMA user_version={VERSION};")

    def close(self) -> None:
        """Close it."""
        self.connection.close()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def keep(self, state: State, sums: Mapping[Key, Sum]) -> None:
        """Add sums and note where the recorder is, both or neither."""
        with self._changing() as change:
            change.executemany(ADD, [_columns(key, one) for key, one in sums.items()])
            change.execute("DELETE FROM runs")
            change.executemany(
                "INSERT INTO runs VALUES (?, ?)", [(name, json.dumps(asdict(run))) for name, run in state.runs.items()]
            )
            parent = asdict(state.parent) if state.parent else None
            change.execute(
                "INSERT OR REPLACE INTO state VALUES ('recorder', ?)",
                (json.dumps({"looked": state.looked, "boot": state.boot, "parent": parent, "blind": state.blind}),),
            )

    def state(self) -> State:
        """Return where the recorder was."""
        runs = {}
        for name, text in self.connection.execute("SELECT container, run FROM runs"):
            found = json.loads(text)
            who = found.pop("who")
            runs[name] = Run(Who(**{**who, "groups": tuple(who["groups"])}), **found)
        row = self.connection.execute("SELECT value FROM state WHERE name = 'recorder'").fetchone()
        known = json.loads(row[0]) if row else {}
        parent = Parent(**known["parent"]) if known.get("parent") else None
        return State(runs, known.get("looked", 0.0), known.get("boot", ""), parent, known.get("blind", 0))

    def sums(self, since: str = "") -> dict[Key, Sum]:
        """Return the sums of all months from ``since`` on."""
        rows = self.connection.execute(
            f"SELECT month, person, groups, image, {', '.join(FIELDS)} FROM sums WHERE month >= ?"  # noqa: S608
            " ORDER BY month, person, groups, image",
            (since,),
        )
        return {
            Key(month, person, tuple(filter(None, groups.split(","))), image): Sum(*numbers)
            for month, person, groups, image, *numbers in rows
        }

    def keep_disk(self, month: str, used: Mapping[str, int], now: float, longest: float) -> None:
        """Add what homes hold now (person -> bytes); a gap in the record of more than ``longest`` seconds stays one."""
        with self._changing() as change:
            row = change.execute("SELECT value FROM state WHERE name = 'disk'").fetchone()
            elapsed = now - float(row[0]) if row else 0.0
            elapsed = elapsed if 0 < elapsed <= longest else 0.0
            change.executemany(
                "INSERT INTO disk VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET byte_seconds = byte_seconds +"
                " excluded.byte_seconds, seconds = seconds + excluded.seconds, peak = max(peak, excluded.peak),"
                " last = excluded.last",
                [(month, person, size * elapsed, elapsed, size, size) for person, size in used.items()],
            )
            change.execute("INSERT OR REPLACE INTO state VALUES ('disk', ?)", (str(now),))

    def disks(self, since: str = "") -> list[Disk]:
        """Return what homes held in all months from ``since`` on."""
        rows = self.connection.execute("SELECT * FROM disk WHERE month >= ? ORDER BY month, person", (since,))
        return [
            Disk(month, person, round(byte_seconds / seconds) if seconds else last, peak, last)
            for month, person, byte_seconds, seconds, peak, last in rows
        ]

    def forget(self, now: float, keep_days: int) -> list[str]:
        """Delete the months that ended more than so many days ago; returns them."""
        rows = self.connection.execute("SELECT month FROM sums UNION SELECT month FROM disk ORDER BY month")
        old = [month for (month,) in rows if month_end(month) < now - keep_days * 86400]
        if old:
            with self._changing() as change:
                for table in ("sums", "disk"):
                    change.executemany(f"DELETE FROM {table} WHERE month = ?", [(month,) for month in old])  # noqa: S608
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return old
