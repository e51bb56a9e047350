# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies an SQLite database that is in use, as it is at one moment."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path


def copy(database: Path, target: Path, timeout: float = 60.0) -> None:
    """Copy a database in SQLite's own way, with owner and mode; ``timeout``: seconds to wait for a writer.

    Raises sqlite3.Error when it is no database or stays locked.
    """
    with (
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=timeout)) as source,
        contextlib.closing(sqlite3.connect(target)) as made,
    ):
        source.backup(made)
    like(database, target)


def like(source: Path, target: Path) -> None:
    """Give ``target`` the owner and the mode of ``source``."""
    status = source.stat()
    os.chown(target, status.st_uid, status.st_gid)
    target.chmod(status.st_mode & 0o7777)
