# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the hub's database: made before a change, put back when a change fails."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

from .._common import files, sqlite_copy

COPIES_KEPT = 10


def keep(database: Path, folder: Path, stamp: str) -> Path | None:
    """Copy the hub's database as it is at one moment (SQLite's own way); returns the copy, None without a database.

    Raises OSError, with no half of a copy left, when the disk is full or the file is no database.
    """
    if not database.exists():
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = folder / f"{stamp}.sqlite"
    try:
        sqlite_copy.copy(database, copy, timeout=30)
        copy.chmod(0o600)
    except (sqlite3.Error, OSError) as error:
        for rest in ("", "-journal"):
            copy.with_name(copy.name + rest).unlink(missing_ok=True)
        raise OSError(f"{database} cannot be copied to {copy}: {error}") from error
    for old in sorted(folder.glob("*.sqlite"))[:-COPIES_KEPT]:
        if old != copy:  # the clock may have been put back
            old.unlink()
    return copy


def schema(database: Path) -> str:
    """Return the version of the database's schema; empty when it has none."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.DatabaseError, TypeError):
        return ""


def restore(copy: Path, database: Path) -> None:
    """Put a copy in the place of the database, in one step."""
    status = copy.stat()  # a copy belongs to the hub
    with copy.open("rb") as source, files.replacing(database, 0o600, status.st_uid, status.st_gid) as new:
        shutil.copyfileobj(source, new)
        # What a hub that was killed has not finished would be applied to the copy.
        for rest in ("-journal", "-wal", "-shm"):
            database.with_name(database.name + rest).unlink(missing_ok=True)
