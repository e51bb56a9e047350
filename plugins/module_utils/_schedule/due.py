# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs of the host, and whether each ran when it was due and ended in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from .._common import words
from .._common.clock import SKEW, past
from .._common.job_lock import last_held, running_since
from . import cron, model
from .model import Job
from .plan import JOBS
from .status import Status

GRACE = timedelta(minutes=10)  # beyond the jitter or the time limit, before a job counts as missed or stuck
HELD_UP = timedelta(days=2)  # the longest that another job may keep one from running; a first backup takes its time


@dataclass(frozen=True)
class Damaged:
    """The file of a job that cannot be read: its name, and what is said of it."""

    name: str
    message: str


def jobs(root: Path) -> list[tuple[Job, datetime]]:
    """Return all jobs of the host, each with the time since when it is scheduled; damaged files are left out."""
    return _read(root)[0]


def damaged(root: Path) -> list[Damaged]:
    """Return the jobs whose files cannot be read: they do not run."""
    return _read(root)[1]


def _read(root: Path) -> tuple[list[tuple[Job, datetime]], list[Damaged]]:
    good: list[tuple[Job, datetime]] = []
    bad: list[Damaged] = []
    for path in sorted((root / JOBS).glob("*.json")):
        try:
            since = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
            job = model.from_json(path.read_bytes())
            if job.name != path.stem:
                raise ValueError(f"it is that of the job {job.name}")
            good.append((job, since))
        except FileNotFoundError:  # taken off just now
            continue
        except (OSError, ValueError) as error:
            said = words.clean(
                f"does not run: its file /{JOBS}/{path.name} cannot be used ({error}); run the playbook", 300
            )
            bad.append(Damaged(words.clean(path.stem, model.LONGEST_NAME), said))
    return good, bad


def booted(root: Path, now: datetime) -> datetime | None:
    """When the host was started; None where /proc is not to be had."""
    try:
        return now - timedelta(seconds=float((root / "proc/uptime").read_text().split()[0]))
    except (OSError, ValueError, IndexError):
        return None


def missed(job: Job, status: Status, since: datetime, now: datetime) -> datetime | None:
    """Return the due time at which the job should have been at work and was not; None when all is well.

    Times have a zone.
    """
    # Not simply the last due time: of a job for every few minutes that one is never long enough ago.
    late = timedelta(seconds=job.jitter_seconds) + GRACE
    naive = cron.last_due(cron.parse(job.fields), (now - late).astimezone().replace(tzinfo=None))
    if naive is None:
        return None
    due = naive.astimezone()
    # A job file from the future was written while the clock was ahead: it says nothing of when the job was scheduled.
    if due < since <= now + SKEW:
        return None
    # A run that began earlier and was still going then counts: cron's call found it at work, and that is no fault.
    ended = past(status.ended, now)
    return None if ended is not None and ended >= due else due


def stuck_since(root: Path, job: Job, now: datetime) -> datetime | None:
    """Return when a run began that goes on beyond the job's time limit; None when there is none such.

    The runner ends a job at its limit. So this is a runner that was killed and whose command lives on, a command that
    no signal ends (a dead network share), or a process that keeps the lock. Another job that holds the lock meanwhile
    (a backup that keeps the registry from being maintained) has a limit of its own, and HELD_UP here.
    """
    began = running_since(root, job.name)
    limit = HELD_UP if last_held(root, job.name)[1] else timedelta(seconds=job.timeout_seconds) + GRACE
    return began if began is not None and now - began > limit else None
