# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock of a job: one run at a time, and since when it goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from . import lock

WAIT_SECONDS = 0.2  # outlasts whoever only looks whether a run is going on


def name_of(job: str) -> str:
    """Return the name of the job's lock."""
    return f"job-{job}"


@contextlib.contextmanager
def hold(
    root: Path,
    job: str,
    now: datetime,
    sleep: Callable[[float], None],
    holder: str = "",
    wait_seconds: float = WAIT_SECONDS,
) -> Iterator[int]:
    """Hold the job's lock and yield its descriptor; raises BusyError when another run holds it after ``wait_seconds``.

    ``holder``: another job that keeps this one from running meanwhile, empty for a run of the job itself.
    The command inherits the descriptor: when the runner alone is killed, the lock lasts as long as the command. The
    time of the lock's file is the start of the run, because a full disk can keep a status file from being written.
    """
    with lock.hold(root, name_of(job), wait_seconds, sleep) as descriptor:
        with contextlib.suppress(OSError):  # /run is full: then it is taken for a run of the job itself
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
        os.utime(descriptor, (now.timestamp(), now.timestamp()))
        yield descriptor


def running_since(root: Path, job: str) -> datetime | None:
    """Return when the run began that is going on now, None when there is none. Touches nothing."""
    try:
        return last_held(root, job)[0] if lock.held(root, name_of(job)) else None
    except OSError:  # nobody but root may look
        return None


def last_held(root: Path, job: str) -> tuple[datetime | None, str]:
    """Return since when the job's lock is held, or was held last, and the ``holder``. Touches nothing."""
    path = root / lock.FOLDER / f"{name_of(job)}.lock"
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC), path.read_text("utf-8", "replace")
    except OSError:
        return None, ""
