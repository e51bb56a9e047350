# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver watch``: did every job run when it was due? What was missed is run, and somebody hears of it.

Cron does not catch up after the host was off, and says nothing of an entry that it skips.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from . import alert, cron, model
from . import status as schedule_status
from .model import Job
from .plan import JOBS
from .run import BUSY, World, record, run_job, running, tell

GRACE = timedelta(minutes=10)  # beyond the jitter, before a job counts as missed
SELF = "watch"


def jobs(root: Path) -> list[tuple[Job, datetime]]:
    """All jobs of the host, each with the time since when it is scheduled; damaged files are left out."""
    found = []
    for path in sorted((root / JOBS).glob("*.json")):
        try:
            since = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
            found.append((model.from_json(path.read_bytes()), since))
        except (OSError, ValueError):
            continue
    return found


def missed(job: Job, status: schedule_status.Status, since: datetime, now: datetime) -> datetime | None:
    """The due time at which the job should have been at work and was not; None when all is well. Times with zone."""
    local = now.astimezone().replace(tzinfo=None)
    naive = cron.last_due(cron.parse(job.fields), local)
    if naive is None:
        return None
    due = naive.astimezone()
    if due < since or now < due + timedelta(seconds=job.jitter_seconds) + GRACE:
        return None
    # A run that began earlier and was still going then counts: cron's call found it at work, and that is no fault.
    if status.ended and datetime.fromisoformat(status.ended) >= due:
        return None
    return due


def booted(root: Path, now: datetime) -> datetime | None:
    """When the host was started; None where /proc is not to be had."""
    try:
        return now - timedelta(seconds=float((root / "proc/uptime").read_text().split()[0]))
    except (OSError, ValueError, IndexError):
        return None


def watch(world: World) -> list[str]:
    """Catch up and tell; returns one line for each job that is not as it should be."""
    found = []
    on_since = booted(world.root, world.now())
    for job, since in jobs(world.root):
        if job.name == SELF:
            continue
        # Asked before the status is read: a run that ends in between has written it by then.
        going_on = running(world.root, job.name)
        status = schedule_status.read(world.root, job.name)
        due = None if going_on else missed(job, status, since, world.now())
        if due is not None:
            was_off = on_since is not None and due < on_since
            found.append(f"{job.name}: was not run when due at {schedule_status.stamp(due)}")
            if not was_off:
                # The host was on and cron did not call the runner: that is told even if the job now runs well.
                told = tell(world, job, replace(status, level="warning", message=found[-1]))
                status = replace(status, told=told.told)
                record(world, status)
            if job.catch_up and run_job(world, job.name, "catch-up") != BUSY:
                continue
        elif status.unheard and not going_on:
            status = tell(world, job, status)
            record(world, status)
        if status.level in ("warning", "critical"):
            found.append(f"{job.name}: {status.level}: {status.message}")
        if status.unheard:
            found.append(f"{job.name}: could not be told by {status.unheard}")
    return found


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver watch``: 0 when told or nothing to tell, 1 when a heartbeat could not be sent."""
    parser = argparse.ArgumentParser(prog="labserver watch", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    time.tzset()
    world = World(root=arguments.root)
    found = watch(world)
    for line in found:
        sys.stdout.write(f"{line}\n")
    if found:
        return 0  # told already, job by job
    try:
        failed = alert.heartbeat(alert.load(world.root))
    except ValueError as error:
        failed = str(error)
    if failed:
        sys.stderr.write(f"labserver watch: {failed}\n")
    return 1 if failed else 0
