# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver watch``: did every job run when it was due? What was missed is run, and somebody hears of it.

Cron does not catch up after the host was off, and says nothing of an entry that it skips.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from .._common import lock, words
from .._common.clock import past, stamp
from .._common.job import BUSY, CRITICAL, OK, WARNING
from .._common.job_lock import last_held, name_of, running_since
from .._schedule import alert, heartbeat
from .._schedule import status as job_status
from .._schedule.due import booted, damaged, jobs, missed, stuck_since
from .._schedule.log import FOLDER
from .._schedule.model import LONGEST_NAME, NAME, Job
from .._schedule.run import World, record, run_job, tell
from . import alarm, services

SELF = "watch"
LOOKS = "services"
"""The job that looks at what the roles run. Nobody hears of its level, since it tells of each service by itself."""
BROKE_OFF_RUNS = 2


def stuck(root: Path, job: Job, began: datetime) -> str:
    """Return what is said of a run that goes on beyond its time limit."""
    holder = last_held(root, job.name)[1]
    what = f"has been running since {stamp(began)}, beyond its limit of {job.timeout_seconds} s"
    if holder:
        what = f"cannot run: {words.clean(holder, LONGEST_NAME)} has kept it waiting since {stamp(began)}"
    return f"{what}; end what holds /{lock.FOLDER}/{name_of(job.name)}.lock"


def watch(world: World) -> list[str]:
    """Catch up and tell; returns one line for each job that is not as it should be."""
    found = []
    on_since = booted(world.root, world.now())
    for job, since in jobs(world.root):
        if job.name == SELF:
            continue
        if job.name == LOOKS:
            found += _of_looks(world)
        # Asked before the status is read: a run that ends in between has written it by then.
        going_on = running_since(world.root, job.name) is not None
        status = job_status.read(world.root, job.name)
        if going_on:
            began = stuck_since(world.root, job, world.now())
            if began is not None:
                status = replace(status, level="critical", message=stuck(world.root, job, began))
                told = tell(world, job, status).told
                # Only what was told is kept: the rest of the file is the run's, which may end just now.
                record(world, replace(job_status.read(world.root, job.name), told=told))
                found.append(f"{job.name}: critical: {status.message}")
                continue
        due = None if going_on else missed(job, status, since, world.now())
        was_off = due is not None and on_since is not None and due < on_since
        if was_off and not job.catch_up:
            due = None  # nothing to do or to tell: it runs when it is due again
        if due is not None:
            found.append(f"{job.name}: was not run when due at {stamp(due)}")
            held_up = past(status.held_up, world.now())
            if not was_off and (held_up is None or held_up < due):
                # The host was on and cron did not call the runner: that is told even if the job now runs well.
                told = tell(world, job, replace(status, level="warning", message=found[-1])).told
                status = replace(status, told=told)
                record(world, status)
            if job.catch_up and _caught_up(world, job.name, found):
                continue
        elif (status.unheard or status.waiting) and not going_on:
            status = tell(world, job, status)
            record(world, status)
        if status.level in ("warning", "critical"):
            found.append(f"{job.name}: {status.level}: {status.message}")
        if status.unheard:
            found.append(f"{job.name}: could not be told by {status.unheard}")
    return found + _of_damaged(world)


def _of_looks(world: World) -> list[str]:
    """Tell when the looks at the services do not come to their end: then nobody would hear of a service either."""
    last = job_status.read(world.root, LOOKS)
    verdict = last.exit_status in (None, OK, WARNING, CRITICAL, BUSY)
    # A look that comes to its end leaves a line, whatever it found.
    broke_off = last.failures >= BROKE_OFF_RUNS and (not verdict or last.message == f"exit status {last.exit_status}")
    name = f"looks.{LOOKS}"  # no job has a dot in its name
    before = job_status.read(world.root, name)
    if not broke_off and not before.told:
        return []
    said = f"do not come to their end ({last.message}), so nobody hears of a service that fails"
    now, at = ("critical", said) if broke_off else ("ok", "come to their end again"), stamp(world.now())
    status = replace(before, description="looks at the services", level=now[0], message=now[1], started=at, ended=at)
    record(world, tell(world, Job(name, (), description=status.description), status, f"/{FOLDER}/{LOOKS}.log"))
    return [f"{name}: critical: {said}"] if broke_off else []


def _of_damaged(world: World) -> list[str]:
    """Tell of jobs whose files cannot be read; returns one line for each."""
    found = []
    for one in damaged(world.root):
        found.append(f"{one.name}: critical: {one.message}")
        if NAME.fullmatch(one.name):
            status = replace(job_status.read(world.root, one.name), level="critical", message=one.message)
            told = tell(world, Job(one.name, ()), status).told
            record(world, replace(job_status.read(world.root, one.name), told=told))
    return found


def _caught_up(world: World, name: str, found: list[str]) -> bool:
    """Run what was missed; returns whether it ran. A job that cannot be run must not end the watch over the others."""
    try:
        return run_job(world, name, "catch-up") != BUSY
    except (OSError, ValueError) as error:
        found.append(f"{name}: could not be run: {error}")
        return False


def of_services(world: World, asked: services.World) -> list[str]:
    """Tell of services that are not well; returns one line for each."""
    try:
        with lock.hold(world.root, alarm.LOCK):
            found = alarm.attend(world, asked)
    except lock.BusyError:  # the job that looks every few minutes is at it
        return []
    return [f"{health.service.name}: {health.level}: {health.message}" for health in found if health.level != "ok"]


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver watch``: 0 when told or nothing to tell, 1 when a heartbeat could not be sent."""
    parser = argparse.ArgumentParser(prog="labserver watch", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    time.tzset()
    world = World(root=arguments.root)
    found = [*watch(world), *of_services(world, services.World())]
    lines = [words.clean(line, 500) for line in found]
    if arguments.json:
        lines = [json.dumps({"version": 1, "found": lines})]
    for line in lines:
        sys.stdout.write(f"{line}\n")
    # The last step: whoever waits for it knows that the watch came this far.
    try:
        config = alert.load(world.root)
        failed = heartbeat.send(config, heartbeat.trouble(job_status.all_of(world.root), config))
    except (OSError, ValueError) as error:
        failed = str(error)
    if failed:
        sys.stderr.write(f"labserver watch: {failed}\n")
    return 1 if failed else 0
