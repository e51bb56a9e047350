# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver backup-drill``: prove that the latest backup can be restored, by restoring of it.

It reads a part of all stored data, restores the copies of the databases and opens them, has the hub's image try them
without a network, and restores the files that were drawn at random when the backup was made, and compares them with
what they were then.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import job
from . import canary
from .model import MANIFEST, STATE, SettingsError, staged
from .proof import damaged_databases, different_files
from .restic import Repository, RepositoryError, made
from .restore import fetch, read_manifest
from .world import World

FOLDER = Path(STATE) / "drill"


def age_hours(snapshot: Mapping[str, Any], now: datetime) -> float:
    """Return how old a snapshot is."""
    return (now - made(snapshot)).total_seconds() / 3600


def drill(world: World, repo: Repository, folder: Path = FOLDER) -> tuple[str, list[str]]:
    """Do it; returns a line for people, and everything that is wrong."""
    now = world.now()
    repo.open()
    snapshots = repo.snapshots()
    if not snapshots:
        return "", ["there is no backup of this host yet"]
    latest, wrong = snapshots[-1], []
    complete = repo.snapshots(complete=True)
    age = age_hours(complete[-1], now) if complete else 0.0
    if not complete:
        wrong.append("something is missing in every backup of this host; labserver backup says what")
    elif age > repo.settings.max_age_hours:
        wrong.append(
            f"the latest complete backup is {age:.0f} hours old; at most {repo.settings.max_age_hours:g} are wanted"
        )
    repo.call("check", f"--read-data-subset={repo.settings.read_percent:g}%")
    manifest = read_manifest(repo, latest["id"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        fetch(repo, latest["id"], [MANIFEST, *map(staged, manifest["databases"])], folder)
        wrong += damaged_databases(lambda path: folder / staged(path).lstrip("/"), manifest)
        tried, problems = canary.attempt(world, folder, manifest)
        wrong += problems
        names = list(manifest["files"])
        for start in range(0, len(names), 100):
            # Some went away before they were read: those are not asked for, but counted below.
            with contextlib.suppress(RepositoryError):
                fetch(repo, latest["id"], names[start : start + 100], folder)
        same, different = different_files(folder, manifest)
        wrong += different
        if same < 0.8 * len(names):
            wrong.append(f"only {same} of {len(names)} drawn files came back as they were")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return (
        f"{latest['short_id']}: {len(manifest['databases'])} databases and {same} files came back as they were"
        + (f"; {tried}" if tried else ""),
        wrong,
    )


def main(argv: Sequence[str]) -> int:
    """Run the drill; returns 0 (the backup can be restored) or 2 (it cannot, and said why)."""
    argparse.ArgumentParser(prog="labserver backup-drill", description=__doc__).parse_args(argv)
    world = World()
    try:
        line, wrong = drill(world, world.repository(world.settings()))
    except (SettingsError, RepositoryError, OSError) as error:
        line, wrong = "", [str(error)]
    for problem in wrong:
        sys.stderr.write(f"labserver backup-drill: {problem}\n")
    if line and not wrong:
        sys.stdout.write(line + "\n")
    job.leave("; ".join(wrong) or line)
    return job.CRITICAL if wrong else job.OK
