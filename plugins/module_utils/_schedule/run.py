# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver run JOB``: run one job with lock, jitter, time limit, log, status file and alert.

Exit status: 0 ok, 1 warning, 2 critical (also: failed in any other way), 3 busy (it is running already).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from .._common import clock, job_lock, process, words
from .._common.clock import stamp
from .._common.job import BUSY, CRITICAL, LEVEL_OF_EXIT, NAME_VARIABLE, OK, VARIABLE, WARNING
from .._common.lock import BusyError
from . import alert, history, model, status
from .log import FOLDER, JobLog
from .model import Job
from .plan import JOBS
from .status import Status

MESSAGE_CHARACTERS = 500  # of an alert
TRIGGERS = ("manual", "schedule", "boot", "catch-up")
BOOT_SECONDS = 300.0  # the longest wait for a host that is starting
BUSY_RUNS = 2
BUSY_LIMIT = timedelta(hours=20)
"""After so many runs in a row, over so long a time, that found somebody else at work it is told: a daily job the second
day, a weekly one the second week, one for every few minutes after most of a day."""
EXIT_OF_LEVEL = {"ok": OK, "warning": WARNING}  # every other level is critical


def wait_for_boot() -> None:
    """Wait until all services of the host were started: cron is one of the first, and what is probed may come last."""
    process.capture(["systemctl", "is-system-running", "--wait"], BOOT_SECONDS)


@dataclass(frozen=True)
class World:
    """What the runner touches: file system root, clock, sleep, host name and the start of the host; handed in for the
    tests."""

    root: Path = Path("/")
    now: Callable[[], datetime] = clock.utc_now
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
    """Hold the job's lock and yield its descriptor for the command; None when another run holds it."""
    with contextlib.ExitStack() as stack:
        try:
            descriptor = stack.enter_context(job_lock.hold(world.root, name, world.now(), world.sleep))
        except BusyError:
            yield None
            return
        yield descriptor


def run_job(world: World, name: str, trigger: str, echo: Callable[[bytes], None] | None = None) -> int:
    """Run the job and return its exit status (0, 1, 2 or 3)."""
    job = load(world, name)
    if trigger == "boot":
        world.boot()
    if trigger in ("schedule", "boot") and job.jitter_seconds:
        world.sleep(random.uniform(0, job.jitter_seconds))  # noqa: S311 - spreads load, guards nothing
    try:
        job = load(world, name)  # as it is after the wait
    except FileNotFoundError:
        return OK  # it was taken off meanwhile, and nobody asks for its status any more
    with locked(world, name) as held:
        if held is None:
            if job_lock.last_held(world.root, name)[1]:  # the job itself does not run: no fault of cron's
                record(world, replace(status.read(world.root, name), held_up=stamp(world.now())))
            return BUSY
        return _run_locked(world, job, trigger, held, echo)


def _run_locked(world: World, job: Job, trigger: str, held: int, echo: Callable[[bytes], None] | None) -> int:
    log = JobLog(world.root, job.name)
    started = world.now()
    log.line(f"--- {stamp(started)} {job.name}: started by {trigger}")

    output = words.Output()

    def sink(piece: bytes) -> None:
        cleaned = output.clean(piece)
        log.output(cleaned)
        if echo is not None:
            echo(cleaned)

    result, said = _command(job, held, sink)
    ended = world.now()
    level = LEVEL_OF_EXIT.get(result.status, "critical")
    message = result.reason or said or ("" if level == "ok" else f"exit status {result.status}")
    log.line(f"--- {stamp(ended)} {job.name}: {level}{': ' if message else ''}{message}")
    if log.lost:
        message = f"{message}; {log.lost}".lstrip("; ")
    log.close()
    before = status.read(world.root, job.name)  # not earlier: the watch may have told of a run that lasts too long
    if result.status == BUSY:
        record(world, _found_busy(world, job, replace(before, started=stamp(started), ended=stamp(ended))))
        return BUSY
    now = Status(
        job=job.name,
        description=job.description,
        level=level,
        exit_status=result.status,
        message=message,
        trigger=trigger,
        started=stamp(started),
        ended=stamp(ended),
        duration_seconds=round((ended - started).total_seconds(), 1),
        last_success=stamp(ended) if level == "ok" else before.last_success,
        failures=0 if level == "ok" else before.failures + 1,
        told=before.told,
    )
    record(world, tell(world, job, now))
    if level in history.LEVELS:
        history.note(world.root, [history.Failure(history.JOB, job.name, level, ended, message)], ended)
    return EXIT_OF_LEVEL.get(level, CRITICAL)


def _found_busy(world: World, job: Job, status: Status) -> Status:
    """Return the status of a job whose command found somebody else at its work, a run by hand for instance.

    Nothing new is known of how it went, but it was not missed either. Somebody hears of it when it goes on for a day.
    """
    since = clock.past(status.busy_since, world.now()) or world.now()
    now = replace(status, busy=status.busy + 1, busy_since=stamp(since))
    if now.busy < BUSY_RUNS or world.now() - since < BUSY_LIMIT:
        return now
    message = f"found somebody else at its work each time since {now.busy_since} ({now.busy} times), so it did nothing"
    level = now.level if now.level == "critical" else "warning"
    return tell(world, job, replace(now, level=level, message=message))


def _command(job: Job, held: int, sink: process.Sink) -> tuple[process.Result, str]:
    """Run the job's command; returns how it ended, and the line that it left for the status table."""
    with tempfile.TemporaryDirectory(prefix="labserver-job-") as folder:
        summary = Path(folder) / "summary"
        environment = {**job.environment, NAME_VARIABLE: job.name}
        if not job.container:
            environment[VARIABLE] = str(summary)
        result = process.run(
            job.command,
            job.timeout_seconds,
            sink,
            container=job.container,
            environment=environment,
            keep_open=[held],
        )
        return result, status.summary_line(summary.read_text("utf-8", "replace")) if summary.exists() else ""


def tell(world: World, job: Job, now: Status, log: str = "") -> Status:
    """Tell by every way that has not told it yet; returns the status with what each way told.

    ``log`` says where more is to be read, by default in the job's log.
    """
    level = alert.audible(now.level, job.alert)
    if level == "ok" and not now.told:
        return now
    try:
        config = alert.load(world.root)
    except (OSError, ValueError) as error:
        unread = alert.Told(failed=f"/{alert.CONFIG}: {type(error).__name__}")
        return replace(now, told={**now.told, status.ALL_WAYS: unread})
    host = world.host or socket.gethostname()
    message = words.clean(f"{job.description or job.name}: {now.message or now.level}", MESSAGE_CHARACTERS)
    news = alert.Alert(host, job.name, level, message, stamp(world.now()), log or f"/{FOLDER}/{job.name}.log")
    told = {}
    for way in alert.configured(config):
        before = now.told.get(way, alert.Told())
        try:
            now_due, rest = alert.decide(before, level, world.now(), str(config.get("quiet") or ""))
        except ValueError:  # hours that were mended by hand: rather told than not
            now_due, rest = alert.decide(before, level, world.now())
        if not now_due:
            told[way] = rest
            continue
        news = replace(news, change=alert.change(before, level, world.now()))
        failed = alert.send(config, way, news)
        # What failed is tried again, by the next run of the job or by the watch.
        told[way] = replace(before, failed=failed) if failed else alert.after(before, news)
    return replace(now, told=told)


def record(world: World, now: Status) -> None:
    """Write the status file; a disk that takes nothing must not end the run, nor the watch over the other jobs."""
    try:
        status.write(world.root, now)
    except OSError as error:
        # The disk is full: cron's log is the last place left, and the watch sees that the job did not report.
        sys.stderr.write(f"labserver: status of {now.job} could not be written: {error}\n")


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
        ended = run_job(World(root=arguments.root), arguments.job, arguments.trigger, echo if by_hand else None)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"labserver run {arguments.job}: {error}\n")
        return CRITICAL
    if ended == BUSY:
        sys.stderr.write(f"labserver run {arguments.job}: is running already\n")
    return ended
