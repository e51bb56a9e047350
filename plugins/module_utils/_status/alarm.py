# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver services``: look at every service of this host, and tell of each that is not well, and of its return.

Exit status: 0 ok, 1 warning, 2 critical, 3 busy (another look is going on).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from .._common import exchange, job, lock, words
from .._common.clock import stamp
from .._schedule import history, run
from .._schedule import status as job_status
from .._schedule.due import booted
from .._schedule.history import Failure
from .._schedule.model import Job
from . import disks, failures, host, services
from .services import Health

LOCK = "services"
AGAIN_SECONDS = 30.0  # a service that is replaced or restarted is back by then
FIRST_START_SECONDS = 900.0
BOOT = timedelta(minutes=5)  # what is not well then is told at the look after that
MAINTENANCE = "etc/labserver/public/maintenance.json"
LONGEST_MAINTENANCE = timedelta(hours=2)


def settled(wanted: Sequence[services.Service], world: run.World, asked: services.World) -> list[Health]:
    """Look, and look again at what is not well before it counts."""
    first = services.look(wanted, asked)
    bad = [health.service for health in first if health.level != "ok"]
    if not bad:
        return first
    world.sleep(AGAIN_SECONDS)
    second = {health.service: health for health in services.look(bad, asked)}
    return [second.get(health.service, health) for health in first]


def in_maintenance(root: Path, now: datetime) -> bool:
    """Return whether somebody changes the hub just now and has told people so; a note that was left behind ends."""
    try:
        notes = exchange.parse((root / MAINTENANCE).read_bytes(), MAINTENANCE)["announcements"]
        ends = [datetime.fromisoformat(note["until"]) for note in notes]
        return any(now < end <= now + LONGEST_MAINTENANCE for end in ends)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def starting(root: Path, now: datetime) -> bool:
    """Return whether the host was just started: cron is there before all services are."""
    on_since = booted(root, now)
    return on_since is not None and now - on_since < BOOT


def attend(world: run.World, asked: services.World) -> list[Health]:
    """Look at all services and tell what is new; returns how each is. The caller holds the lock."""
    wanted, problems = services.read(world.root)
    found = settled(wanted, world, asked)
    found += [Health(services.Service("services.d"), "warning", problem) for problem in problems]
    found += [disk.health for disk in disks.of_host(world.root)]
    found += host.of_host(world.root)
    if in_maintenance(world.root, world.now()) or starting(world.root, world.now()):
        return found
    now = world.now()
    # A room names its services before it starts them for the first time.
    told = [
        one for one in found if one.level == "ok" or not 0 <= now.timestamp() - one.service.named < FIRST_START_SECONDS
    ]
    for health in told:
        _tell(world, health)
    keep(world.root, [health for health in told if health.level != "ok"], now)
    _forget(world.root, {_name(health) for health in found})
    return found


def keep(root: Path, bad: Sequence[Health], now: datetime) -> None:
    """Count what is not well into the failures of the last days, once for each look, and starts of servers once."""
    found = [Failure(history.SERVICE, one.service.name, one.level, now, one.message) for one in bad]
    try:
        starts, until = failures.uncounted(root, history.read_or_begin(root), now)
    except OSError as error:
        sys.stderr.write(f"labserver services: starts of servers cannot be counted: {words.clean(error, 200)}\n")
        starts, until = [], ""
    history.note(root, [*found, *starts], now, until)


def _name(health: Health) -> str:
    return f"service.{health.service.name}"  # no job has a dot in its name


def _tell(world: run.World, health: Health) -> None:
    before = job_status.read(world.root, _name(health))
    if health.level == "ok" and before.level in ("ok", "never-run") and not before.told:
        return
    now = stamp(world.now())
    status = replace(
        before,
        description=f"service {health.service.name}",
        level=health.level,
        message=health.message if health.level != "ok" else "works again",
        started=now,
        ended=now,
        last_success=now if health.level == "ok" else before.last_success,
    )
    job_of = Job(_name(health), (), description=status.description)
    log = health.service.log or "/var/log/labserver/services.log"
    run.record(world, run.tell(world, job_of, status, log))


def _forget(root: Path, names: set[str]) -> None:
    """Remove what was kept of services that are no longer wanted."""
    for path in (root / job_status.FOLDER).glob("service.*.json"):
        if path.stem not in names:
            path.unlink(missing_ok=True)


def summary(found: Sequence[Health]) -> tuple[str, str]:
    """Return the worst level, and one line that names all that is not well."""
    level = max((health.level for health in found), key=services.LEVELS.index, default="ok")
    bad = [f"{health.service.name}: {health.message}" for health in found if health.level != "ok"]
    count = "1 service works" if len(found) == 1 else f"{len(found)} services work"
    return level, words.clean("; ".join(bad) or count, job_status.SUMMARY_CHARACTERS)


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver services``."""
    parser = argparse.ArgumentParser(prog="labserver services", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    time.tzset()
    world = run.World(root=arguments.root)
    try:
        with lock.hold(world.root, LOCK):
            found = attend(world, services.World())
    except lock.BusyError as error:
        sys.stderr.write(f"labserver services: {error}\n")
        return job.BUSY
    level, line = summary(found)
    job.leave(line)
    rows = [{"service": each.service.name, "level": each.level, "message": each.message} for each in found]
    sys.stdout.write((json.dumps({"version": 1, "level": level, "services": rows}) if arguments.json else line) + "\n")
    return {"ok": job.OK, "warning": job.WARNING}.get(level, job.CRITICAL)
