# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver registry-maintain``: the weekly job, from the configuration that the role ``registry`` wrote."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from .._common import clock, job, job_lock, sizes, words
from .._common.docker_api import EngineError
from .._common.lock import BusyError
from . import outlook, settings
from .cache import Cache
from .maintenance import Outcome, RefusedError, World, converge
from .pause import PauseError
from .protect import ProtectionError
from .protocol import RegistryError
from .settings import SettingsError
from .store import Store, StoreError
from .table import render

CONFIG = Path("/etc/labserver/registry/maintenance.json")
CACHE = Path("/var/lib/labserver/registry/manifests.jsonl")
JOB = "registry-maintenance"
"""The job's name on the host; a backup holds its lock while it copies the store."""
BY_HAND = "labserver registry-maintain"
"""Who holds that lock when somebody calls the command without the runner."""


@contextlib.contextmanager
def undisturbed(root: Path, holder: str) -> Iterator[None]:
    """Keep the job and backups away from a run that ``holder`` makes; raises BusyError that names who is at work."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(job_lock.hold(root, JOB, clock.utc_now(), time.sleep, holder))
        except BusyError as error:
            who = words.clean(job_lock.last_held(root, JOB)[1]) or f"the job {JOB}"
            raise BusyError(f"{who} is at work on the registry; try again when it has ended") from error
        yield


def main(argv: Sequence[str]) -> int:
    """Run the job; returns 0 (well), 1 (something to look at), 2 (failed) or 3 (another one is at work)."""
    parser = argparse.ArgumentParser(prog="labserver registry-maintain", description=__doc__)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system, for the lock")
    parser.add_argument("--check", action="store_true", help="only tell what would be removed, here and in the status")
    options = parser.parse_args(argv)
    # The runner holds the job's lock already, and whoever only looks needs none.
    free = options.check or os.environ.get(job.NAME_VARIABLE) == JOB
    alone = contextlib.nullcontext() if free else undisturbed(options.root, BY_HAND)
    try:
        with alone:
            given = settings.read(options.config)
            with given.client() as client:
                world = World(Store(given.store), Cache(options.cache), client, given.pause())
                outcome = converge(world, given.desired(), check=options.check)
    except BusyError as error:
        _complain(str(error))
        return job.BUSY
    except RefusedError as error:
        _note(options.cache, error.outcome, done=False)
        _complain(render(error.outcome.plan, error.outcome.now, only_removed=True))
        return job.CRITICAL
    except (SettingsError, ProtectionError, EngineError, PauseError, RegistryError, StoreError, OSError) as error:
        _complain(f"labserver registry-maintain: {error}")
        return job.CRITICAL
    sys.stdout.write(render(outcome.plan, outcome.now, outcome.freed, only_removed=True))
    _note(options.cache, outcome, done=not options.check)
    return _finish(outcome, options.check)


def _note(cache: Path, outcome: Outcome, done: bool) -> None:
    """Leave what the next run would free, for the status."""
    free = 0 if done else outcome.freed
    refused = words.clean("; ".join(outcome.plan.refusals), 500)
    path = cache.with_name(Path(outlook.PATH).name)
    try:
        outlook.leave(path, outcome.outlook, clock.stamp(clock.utc_now()), free, refused)
    except OSError as error:  # the registry is maintained all the same
        _complain(f"{path} was not written: {error}")


def _finish(outcome: Outcome, check: bool) -> int:
    if check:
        job.leave(f"{outcome.plan.removals} would be removed, {sizes.text(outcome.freed)} would come free")
    else:
        job.leave(f"{outcome.removed} removed, {sizes.text(outcome.freed)} freed")
    for text in outcome.warnings:
        _complain(f"WARNING {text}")
    for text in outcome.broken:
        _complain(f"BROKEN {text}")
    if outcome.downtime:
        sys.stdout.write(
            f"the registry paused for {outcome.downtime:.1f} s; {outcome.verified} kept tags were checked; "
            f"{sizes.text(outcome.freed)} came free\n"
        )
    if outcome.broken:
        return job.CRITICAL
    return job.WARNING if outcome.warnings or outcome.plan.problems else job.OK


def _complain(text: str) -> None:
    sys.stderr.write(text.rstrip("\n") + "\n")
