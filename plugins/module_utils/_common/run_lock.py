# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of the playbook at a time on a host: who works on it is written down, and another run is told.

No process of a run stays on the host between its tasks, so no lock of the kernel can be held. The note says which
process on which controller made it; that controller knows whether the process still lives, and takes the place of a run
that died at once. For others a run lives as long as something of it works on the host: each module of the collection
renews the time of the note while it runs, however long that takes. It lies below /run, which is empty after a boot.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from . import clock, files, lock

FILE = "run/labserver/run.json"
LEASE = timedelta(minutes=30)
"""Longer than anything takes that is no module of the collection, such as a build; a run that died leaves its note."""
BEAT_SECONDS = 60.0
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
    """A run, since when it works on the host, and when something of it was last seen there (both ISO 8601)."""

    run: Run
    since: str
    seen: str

    @property
    def until(self) -> str:
        """When it gives way to others unless something of it is seen again."""
        return clock.stamp(datetime.fromisoformat(self.seen) + LEASE)


def take(root: Path, mine: Run, now: datetime, dead: Run | None = None) -> Note | None:
    """Note that ``mine`` works on this host; returns the note of another run that does, None when there is none.

    ``dead`` is a run of which the caller knows that it ended.
    """
    with lock.hold(root, "run", WAIT_SECONDS):
        found = read(root)
        if found is not None and found.run not in (mine, dead) and not _old(found, now):
            return found
        since = found.since if found is not None and found.run == mine else clock.stamp(now)
        note = {"version": 1, "since": since, **asdict(mine)}
        files.replace(root / FILE, (json.dumps(note) + "\n").encode(), 0o600)
        os.utime(root / FILE, (now.timestamp(), now.timestamp()))
    return None


def working(check_mode: bool = False, root: Path = Path("/"), every_seconds: float = BEAT_SECONDS) -> None:
    """Show, now and as long as this process lives, that the run which works on this host lives.

    In check mode a run does not hold the host, and the note would be that of another.
    """
    if check_mode:
        return

    def beat() -> None:
        while not stopped.wait(every_seconds):
            _beat(root)

    stopped = threading.Event()  # never set: the thread ends with the process
    _beat(root)
    threading.Thread(target=beat, daemon=True, name="run-lock").start()


def _beat(root: Path) -> None:
    with contextlib.suppress(OSError):  # most often: nobody holds the host
        os.utime(root / FILE)


def release(root: Path, mine: Run) -> None:
    """Take the note away, if it is that of ``mine``."""
    with lock.hold(root, "run", WAIT_SECONDS):
        found = read(root)
        if found is not None and found.run == mine:
            (root / FILE).unlink(missing_ok=True)


def read(root: Path) -> Note | None:
    """Return who works on this host; a note that cannot be read is none."""
    try:
        with (root / FILE).open("rb") as file:
            seen = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            found: Mapping[str, Any] = json.load(file)
        run = Run(str(found["controller"]), str(found["user"]), int(found["process"]), str(found["began"]))
        return Note(run, str(found["since"]), clock.stamp(seen))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def working_run(root: Path, now: datetime) -> Note | None:
    """Return the run that works on this host now; one that gave way to others does not."""
    found = read(root)
    return None if found is None or _old(found, now) else found


def _old(note: Note, now: datetime) -> bool:
    age = now - datetime.fromisoformat(note.seen)
    # A second more: the time of a file has parts of a second. A note from the future is of a clock that was put back.
    return not timedelta(seconds=-1) <= age < LEASE
