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
def hold(root: Path, job: str, now: datetime, sleep: Callable[[float], None], by: str = "") -> Iterator[int]:
    """Hold the job's lock and yield its descriptor; raises BusyError when another run holds it.

    The command inherits the descriptor: when the runner alone is killed, the lock lasts as long as the command. The
    time of the lock's file is the start of the run, because a full disk can keep a status file from being written.
    ``by`` names another job that keeps this one from running.
    """
    with lock.hold(root, name_of(job), WAIT_SECONDS, sleep) as descriptor:
        os.ftruncate(descriptor, 0)
        if by:
            os.pwrite(descriptor, by.encode(), 0)
        os.utime(descriptor, (now.timestamp(), now.timestamp()))
        yield descriptor


def running_since(root: Path, job: str) -> datetime | None:
    """Return when the run began that is going on now, None when there is none. Touches nothing."""
    try:
        if not lock.held(root, name_of(job)):
            return None
        return datetime.fromtimestamp((root / lock.FOLDER / f"{name_of(job)}.lock").stat().st_mtime, UTC)
    except OSError:  # nobody but root may look
        return None


def held_by(root: Path, job: str) -> str:
    """Return the other job that holds the lock, or held it last; empty for a run of the job itself."""
    try:
        return (root / lock.FOLDER / f"{name_of(job)}.lock").read_text("utf-8", "replace")
    except OSError:
        return ""
