# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The staging folder of a backup: copies of what is in use, and what the drill compares with."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .._common import clock, files, process, sqlite_copy
from .model import MANIFEST, STAGE, Settings, excluded, left_out, staged
from .plan import Dump, Plan
from .sources import Known
from .world import World

# What is drawn for the drill: no larger file, none deeper below its source, only of the first entries of a folder.
SAMPLE_BYTES = 16 << 20
DEEPEST = 64
MOST_ENTRIES = 10_000
DRAW_SECONDS = 60.0
DUMP_SECONDS = 3600.0


def copy_tree(source: Path, target: Path) -> None:
    """Copy a tree of small files that others change meanwhile; what goes away in that time is left out."""
    for folder, names, plain in os.walk(source):
        names[:] = [name for name in names if name != "_uploads"]
        place = target / Path(folder).relative_to(source)
        with contextlib.suppress(FileNotFoundError):
            place.mkdir(parents=True, exist_ok=True)
            sqlite_copy.like(Path(folder), place)
        for name in plain:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(Path(folder, name), place / name)
                sqlite_copy.like(Path(folder, name), place / name)


def dump(world: World, item: Dump, limit_seconds: float = DUMP_SECONDS) -> str:
    """Run a room's command and keep its output; returns what went wrong, or an empty text.

    One that hangs must not keep everything else out of the backup.
    """
    target = world.at(item.file)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with files.creating(target) as file:
            done = process.call(item.command, limit_seconds, output=file)
    except OSError as error:
        return f"the dump of {item.name} cannot be made: {error}"
    if done.timed_out:
        target.unlink()
        return f"the dump of {item.name} {done.reason}"
    if done.status or not target.stat().st_size:
        target.unlink()
        words = done.words[-300:] if done.status or done.errors.strip() else "no output"
        return f"the dump of {item.name} failed (exit status {done.status}): {words}"
    return ""


def draw_files(
    paths: Sequence[str],
    count: int,
    chance: random.Random,
    skip: Callable[[str], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[str]:
    """Yield up to ``count`` different plain files below the paths, drawn by walking down at random.

    Bounded in depth, in the entries of a folder that are looked at, and in time: people make their homes as they like.
    ``skip`` tells of one path whether it is left out; what is left out is not even looked at: it may be a share whose
    server is silent.
    """
    drawn: set[str] = set()
    end = clock() + DRAW_SECONDS
    roots = [path for path in paths if not skip(path)]
    for _attempt in range(20 * count if roots else 0):
        name = _walk_down(chance.choice(roots), chance, skip)
        if name and name not in drawn:
            drawn.add(name)
            yield name
        if len(drawn) == count or clock() > end:
            return


def _walk_down(here: str, chance: random.Random, skip: Callable[[str], bool]) -> str:
    """Return a file that a walk down from a path ends at, "" when it ends elsewhere."""
    with contextlib.suppress(OSError):
        for _level in range(DEEPEST):
            status = os.lstat(here)
            if stat.S_ISREG(status.st_mode):
                return here if status.st_size <= SAMPLE_BYTES else ""
            if not stat.S_ISDIR(status.st_mode):
                return ""
            with os.scandir(here) as entries:
                names = [entry.name for entry in itertools.islice(entries, MOST_ENTRIES)]
            if not names:
                return ""
            here = os.path.join(here, chance.choice(names))  # noqa: PTH118 - a Path would be made for every step
            if skip(here):
                return ""
    return ""


def fingerprint(path: Path) -> dict[str, Any]:
    """Return size, time of the last change (ns) and SHA-256 of a file."""
    status = path.stat()
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def count_passwords(database: Path) -> int | None:
    """Return the number of entries of a password store; None when it is not one."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM passwords").fetchone()[0])
        except sqlite3.OperationalError:
            return None


def sum_of_passwords(database: Path) -> str:
    """Return a sum over all names and hashes of a password store; empty when it is not one."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT name, hash FROM passwords ORDER BY name").fetchall()
        except sqlite3.OperationalError:
            return ""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def stage(world: World, settings: Settings, plan: Plan, known: Known) -> list[str]:
    """Fill the staging folder anew and write the manifest for the drill; returns what could not be copied.

    ``known`` goes into the manifest, for a host that lost its own copy of it.
    """
    folder = world.at(STAGE)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    warnings = []
    databases: dict[str, Any] = {}
    for path in plan.databases:
        copy = world.at(staged(path))
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            sqlite_copy.copy(world.at(path), copy)
        except sqlite3.Error as error:
            warnings.append(f"{path} cannot be copied: {error}")
            continue
        databases[path] = {"passwords": count_passwords(copy), "sum": sum_of_passwords(copy)}
    if plan.links:
        copy_tree(world.at(plan.links), world.at(staged(plan.links)))
    warnings += filter(None, (dump(world, item) for item in plan.dumps))
    roots = [path for path in plan.paths if path != STAGE]
    sample: dict[str, Any] = {}
    chance = random.SystemRandom()
    places = [str(world.at(path)) for path in roots if not left_out(path, plan.exclude)]
    for name in draw_files(places, settings.drill_files, chance, lambda path: excluded(path, plan.exclude)):
        with contextlib.suppress(OSError):
            sample[name] = fingerprint(Path(name))
    manifest = {
        "version": 1,
        "made": clock.stamp(world.now()),
        "host": settings.host,
        "roots": roots,
        "databases": databases,
        "copies": [*databases, *([plan.links] if plan.links else [])],
        "dumps": [item.file for item in plan.dumps if world.at(item.file).exists()],
        "files": sample,
        "known": known.as_dict(),
    }
    files.replace(world.at(MANIFEST), json.dumps(manifest, indent=1).encode(), 0o600)
    return warnings
