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
def hold(root: Path, job: str, now: datetime, sleep: Callable[[float], None]) -> Iterator[int]:
    """Hold the job's lock and yield its descriptor; raises BusyError when another run holds it.

    The command inherits the descriptor: when the runner alone is killed, the lock lasts as long as the command. The
    time of the lock's file is the start of the run, because a full disk can keep a status file from being written.
    """
    with lock.hold(root, name_of(job), WAIT_SECONDS, sleep) as descriptor:
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
