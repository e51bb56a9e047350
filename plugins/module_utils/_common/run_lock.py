# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of the playbook at a time on a host: who works on it is written down, and another run is told.

No process of a run stays on the host between its tasks, so no lock of the kernel can be held. The note says which
process on which controller made it; that controller knows whether the process still lives, and takes the place of a run
that died at once. Others wait until the note is too old. It lies below /run, which is empty after a boot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import clock, files, lock

FILE = "run/labserver/run.json"
LEASE = timedelta(hours=1)
"""Longer than a run takes; one that failed leaves its note behind."""
WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Run:
    """A run: the controller, the user there, the process and when that process began (as text, to tell it apart)."""

    controller: str
    user: str
    process: int
    began: str


@dataclass(frozen=True)
class Note:
    """A run and since when (ISO 8601) it works on the host."""

    run: Run
    since: str


def take(root: Path, mine: Run, now: datetime, dead: Run | None = None) -> Note | None:
    """Note that ``mine`` works on this host; returns the note of another run that does, None when there is none.

    ``dead`` is a run of which the caller knows that it ended.
    """
    with lock.hold(root, "run", WAIT_SECONDS):
        found = read(root)
        if found is not None and found.run not in (mine, dead) and not _old(found, now):
            return found
        note = {"version": 1, "since": clock.stamp(now), **asdict(mine)}
        files.replace(root / FILE, (json.dumps(note) + "\n").encode(), 0o600)
    return None


def release(root: Path, mine: Run) -> None:
    """Take the note away, if it is that of ``mine``."""
    with lock.hold(root, "run", WAIT_SECONDS):
        found = read(root)
        if found is not None and found.run == mine:
            (root / FILE).unlink(missing_ok=True)


def read(root: Path) -> Note | None:
    """Return who works on this host; a note that cannot be read is none."""
    try:
        found: Mapping[str, Any] = json.loads((root / FILE).read_bytes())
        run = Run(str(found["controller"]), str(found["user"]), int(found["process"]), str(found["began"]))
        return Note(run, str(found["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _old(note: Note, now: datetime) -> bool:
    try:
        age = now - datetime.fromisoformat(note.since)
    except ValueError:
        return True
    return not timedelta(0) <= age < LEASE  # a note from the future is of a clock that was put back
