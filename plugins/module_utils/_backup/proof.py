# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what was restored is what was saved: databases are opened, and files compared with what they were then."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .stage import count_passwords, fingerprint, sum_of_passwords


def damaged_databases(copy_of: Callable[[str], Path], manifest: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the restored copies of the databases; ``copy_of`` says where the one of a path is."""
    found = []
    for path, facts in manifest["databases"].items():
        copy = copy_of(path)
        try:
            with contextlib.closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
                verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            entries = count_passwords(copy)
        except sqlite3.Error as error:
            found.append(f"{path}: its copy cannot be opened: {error}")
            continue
        if verdict != "ok":
            found.append(f"{path}: its copy is damaged: {verdict}")
        if facts.get("passwords") is not None and entries != facts["passwords"]:
            found.append(f"{path}: its copy has {entries} passwords instead of {facts['passwords']}")
        elif facts.get("sum") and sum_of_passwords(copy) != facts["sum"]:
            found.append(f"{path}: its copy has other passwords than when it was saved")
    return found


def different_files(folder: Path, manifest: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return how many restored files are what they were, and what is wrong with the others.

    A file that was changed between the drawing and the backup has another time, and says nothing.
    """
    same, found = 0, []
    for name, was in manifest["files"].items():
        copy = folder / name.lstrip("/")
        if not copy.exists():
            continue  # went away before it was read; whether many did is said by the number
        now = fingerprint(copy)
        if now["sha256"] == was["sha256"]:
            same += 1
        elif now["mtime_ns"] == was["mtime_ns"]:
            found.append(f"{name}: its content is another one than when it was saved")
    return same, found
