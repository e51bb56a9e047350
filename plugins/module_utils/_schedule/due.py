# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs of the host, and whether each ran when it was due and ended in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from .._common.clock import SKEW, past
from .._common.job_lock import running_since
from . import cron, model
from .model import Job
from .plan import JOBS
from .status import Status

GRACE = timedelta(minutes=10)  # beyond the jitter or the time limit, before a job counts as missed or stuck


def jobs(root: Path) -> list[tuple[Job, datetime]]:
    """Return all jobs of the host, each with the time since when it is scheduled; damaged files are left out."""
    found = []
    for path in sorted((root / JOBS).glob("*.json")):
        try:
            since = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
            found.append((model.from_json(path.read_bytes()), since))
        except (OSError, ValueError):
            continue
    return found


def missed(job: Job, status: Status, since: datetime, now: datetime) -> datetime | None:
    """Return the due time at which the job should have been at work and was not; None when all is well.

    Times have a zone.
    """
    local = now.astimezone().replace(tzinfo=None)
    naive = cron.last_due(cron.parse(job.fields), local)
    if naive is None:
        return None
    due = naive.astimezone()
    # A job file from the future was written while the clock was ahead: it says nothing of when the job was scheduled.
    if due < since <= now + SKEW or now < due + timedelta(seconds=job.jitter_seconds) + GRACE:
        return None
    # A run that began earlier and was still going then counts: cron's call found it at work, and that is no fault.
    ended = past(status.ended, now)
    return None if ended is not None and ended >= due else due


def stuck_since(root: Path, job: Job, now: datetime) -> datetime | None:
    """Return when a run began that goes on beyond the job's time limit; None when there is none such.

    The runner ends a job at its limit. So this is a runner that was killed and whose command lives on, a command that
    no signal ends (a dead network share), or a process that keeps the lock.
    """
    began = running_since(root, job.name)
    limit = timedelta(seconds=job.timeout_seconds) + GRACE
    return began if began is not None and now - began > limit else None
