# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver run JOB``: run one job with lock, jitter, time limit, log, status file and alert.

Exit status: 0 well, 1 warning, 2 critical (also: failed in any other way), 3 busy (it runs already).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from .._common import job as common_job
from .._common import process
from . import alert as schedule_alert
from . import model
from . import status as schedule_status
from .log import JobLog
from .model import Job
from .plan import JOBS

LOCKS = "run/lock"
BUSY = 3
LOCK_TRIES, LOCK_PAUSE_SECONDS = 5, 0.05  # outlasts whoever only looks whether a run is going on
TRIGGERS = ("manual", "schedule", "boot", "catch-up")


BOOT_SECONDS = 300.0  # the longest wait for a host that is starting


def utc_now() -> datetime:
    return datetime.now(UTC)


def wait_for_boot() -> None:
    """Wait until all services of the host were started: cron is one of the first, and what is probed may come last."""
    process.capture(["systemctl", "is-system-running", "--wait"], BOOT_SECONDS)


@dataclass(frozen=True)
class World:
    """What the runner touches: file system root, clock, sleep, host name and the start of the host; handed in for the
    tests."""

    root: Path = Path("/")
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    host: str = ""
    boot: Callable[[], None] = wait_for_boot


def load(world: World, name: str) -> Job:
    """Read the job's file. Raises OSError or ValueError."""
    if not model.NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a job")
    return model.from_json((world.root / JOBS / f"{name}.json").read_bytes())


@contextlib.contextmanager
def locked(world: World, name: str) -> Iterator[int | None]:
    """Hold the job's lock and yield its descriptor; None when another run holds it.

    The command inherits the descriptor: when the runner alone is killed, the lock lasts as long as the command.
    """
    folder = world.root / LOCKS
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"labserver-job-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for number in range(LOCK_TRIES):
            if number:
                world.sleep(LOCK_PAUSE_SECONDS)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
        else:
            yield None
            return
        yield descriptor
    finally:
        os.close(descriptor)


def running(root: Path, name: str) -> bool:
    """Whether a run of the job is going on now; it reports when it ends. Touches nothing."""
    try:
        descriptor = os.open(root / LOCKS / f"labserver-job-{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def run_job(world: World, name: str, trigger: str, echo: Callable[[bytes], None] | None = None) -> int:
    """Run the job and return its exit status (0, 1, 2 or 3)."""
    job = load(world, name)
    if trigger == "boot":
        world.boot()
    if trigger in ("schedule", "boot") and job.jitter_seconds:
        world.sleep(random.uniform(0, job.jitter_seconds))  # noqa: S311 - spreads load, guards nothing
    with locked(world, name) as lock:
        if lock is None:
            return BUSY
        return _run_locked(world, job, trigger, lock, echo)


def _run_locked(world: World, job: Job, trigger: str, lock: int, echo: Callable[[bytes], None] | None) -> int:
    before = schedule_status.read(world.root, job.name)
    log = JobLog(world.root, job.name)
    started = world.now()
    log.line(f"--- {schedule_status.stamp(started)} {job.name}: started by {trigger}")

    def sink(piece: bytes) -> None:
        log.output(piece)
        if echo is not None:
            echo(piece)

    with tempfile.TemporaryDirectory(prefix="labserver-job-") as folder:
        summary = Path(folder) / "summary"
        environment = dict(job.environment)
        if not job.container:
            environment[common_job.VARIABLE] = str(summary)
        result = process.run(
            job.command,
            job.timeout_seconds,
            sink,
            container=job.container,
            environment=environment,
            keep_open=[lock],
        )
        said = schedule_status.summary_line(summary.read_text("utf-8", "replace")) if summary.exists() else ""
    ended = world.now()
    level = schedule_status.LEVEL_OF_EXIT.get(result.status, "critical")
    message = result.reason or said or ("" if level == "ok" else f"exit status {result.status}")
    log.line(f"--- {schedule_status.stamp(ended)} {job.name}: {level}{': ' if message else ''}{message}")
    if log.lost:
        message = f"{message}; {log.lost}".lstrip("; ")
    log.close()
    if result.status == BUSY:
        # Somebody else is at it (a run by hand): nothing new is known of how it went, but it was not missed either.
        record(world, replace(before, started=schedule_status.stamp(started), ended=schedule_status.stamp(ended)))
        return BUSY
    status = schedule_status.Status(
        job=job.name,
        description=job.description,
        level=level,
        exit_status=result.status,
        message=message,
        trigger=trigger,
        started=schedule_status.stamp(started),
        ended=schedule_status.stamp(ended),
        duration_seconds=round((ended - started).total_seconds(), 1),
        last_success=schedule_status.stamp(ended) if level == "ok" else before.last_success,
        failures=0 if level == "ok" else before.failures + 1,
        told=before.told,
    )
    record(world, tell(world, job, status))
    return {"ok": 0, "warning": 1}.get(level, 2)


def tell(world: World, job: Job, status: schedule_status.Status) -> schedule_status.Status:
    """Tell by every way that has not told it yet; returns the status with what each way told."""
    now = world.now()
    level = schedule_alert.audible(status.level, job.alert)
    if level == "ok" and not status.told:
        return status
    try:
        config = schedule_alert.load(world.root)
    except (OSError, ValueError) as error:
        unread = schedule_alert.Told(failed=f"/{schedule_alert.CONFIG}: {type(error).__name__}")
        return replace(status, told={**status.told, schedule_status.ALL_WAYS: unread})
    host = world.host or socket.gethostname()
    message = f"{job.description or job.name}: {status.message or status.level}"
    alert = schedule_alert.Alert(host, job.name, level, message, schedule_status.stamp(now))
    told = {}
    for way in schedule_alert.configured(config):
        before = status.told.get(way, schedule_alert.Told())
        if not schedule_alert.due(before, level, now):
            told[way] = replace(before, failed="")
            continue
        failed = schedule_alert.send(config, way, alert)
        # What failed is tried again, by the next run of the job or by the watch.
        told[way] = replace(before, failed=failed) if failed else schedule_alert.Told(level, alert.time)
    return replace(status, told=told)


def record(world: World, status: schedule_status.Status) -> None:
    """Write the status file; a disk that takes nothing must not end the run, nor the watch over the other jobs."""
    try:
        schedule_status.write(world.root, status)
    except OSError as error:
        # The disk is full: cron's log is the last place left, and the watch sees that the job did not report.
        sys.stderr.write(f"labserver: status of {status.job} could not be written: {error}\n")


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver run``."""
    parser = argparse.ArgumentParser(prog="labserver run", description=__doc__)
    parser.add_argument("job")
    parser.add_argument("--trigger", choices=TRIGGERS, default="manual", help="who asks (scheduled runs wait a while)")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    os.umask(0o022)

    def echo(piece: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()

    try:
        by_hand = arguments.trigger == "manual"
        status = run_job(World(root=arguments.root), arguments.job, arguments.trigger, echo if by_hand else None)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"labserver run {arguments.job}: {error}\n")
        return 2
    if status == BUSY:
        sys.stderr.write(f"labserver run {arguments.job}: is running already\n")
    return status
