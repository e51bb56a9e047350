# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the hub's database beside it: without the database the hub would not know the running servers."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from ..exchange import files

KEPT = 5


def make(database: Path, folder: Path) -> Path | None:
    """Copy the database with SQLite's backup function unless the newest copy is up to date; returns the copy."""
    copies = sorted(folder.glob("*.sqlite"))
    changed = database.stat().st_mtime_ns
    if copies and copies[-1].stat().st_mtime_ns == changed:
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    # The newest has the greatest name, also after the clock was put back.
    number = max(time.time(), float(copies[-1].stem) + 0.001) if copies else time.time()
    copy = folder / f"{number:017.3f}.sqlite"
    with files.replacing(copy) as new:
        with (
            contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as source,
            contextlib.closing(sqlite3.connect(new)) as target,
        ):
            source.backup(target)
        os.utime(new, ns=(changed, changed))
    for old in copies[: max(0, len(copies) + 1 - KEPT)]:
        old.unlink()
    return copy


def restore(database: Path, folder: Path) -> Path | None:
    """Put the newest copy in the place of a database that is missing; returns the copy."""
    copies = sorted(folder.glob("*.sqlite"))
    if database.exists() or not copies:
        return None
    files.replace(database, copies[-1].read_bytes())
    return copies[-1]
