# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver usage``: the job beside the service: the disk, what people see of their own, and what is too old.

While the service that records does not run, the job reads the counters itself: nothing of the CPU time is lost then,
but memory is known every few minutes only.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from .._accounts import quota
from .._common import clock, exchange, files, job, lock
from .._common.docker_api import EngineError
from .._common.words import clean
from . import model, settings
from .model import Key, Sum
from .recorder import ROSTER, Recorder, World
from .service import LOCK
from .store import FILE, Disk, Store

OWN = "etc/labserver/hub/usage.json"
HUB_GROUP = 64100
"""Whose file that is: the hub's, which shows each person their own part, and nobody else's."""
STALE_SECONDS = 300.0
LONGEST_GAP_SECONDS = 3600.0
HOUR = 3600.0
GIB = float(1 << 30)


def homes(root: Path) -> dict[str, tuple[int, str]]:
    """Return uid and home of the people who may use the hub; raises ExchangeError."""
    try:
        document = exchange.parse((root / ROSTER).read_bytes(), "roster.json")
    except FileNotFoundError:
        return {}
    try:
        return {
            name: (int(one["uid"]), str(one["home"]))
            for name, one in document["users"].items()
            if one["state"] == "present"
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise exchange.ExchangeError(f"roster.json is damaged ({error!r}); {exchange.HINT}") from error


def stored(people: dict[str, tuple[int, str]], find: Callable[[str], quota.Quotas] = quota.find) -> dict[str, int]:
    """Return how many bytes each person's files take, as the quota of the homes' file system counts them."""
    known: dict[str, quota.Quotas] = {}
    found = {}
    for name, (uid, home) in people.items():
        folder = str(Path(home).parent)
        if folder not in known:
            known[folder] = find(folder)
        if known[folder].reason:
            continue
        try:
            found[name] = known[folder].usage(uid)[0]
        except OSError:
            continue
    return found


def own(sums: dict[Key, Sum], disks: Iterable[Disk], month: str, now: str) -> dict[str, Any]:
    """Return what people are shown of this month: each person's own numbers."""
    people: dict[str, dict[str, Any]] = {}
    for name, one in by_person(sums, month).items():
        people[name] = {
            "hours": round(one.seconds / HOUR, 2),
            "cpu_hours": round(one.cpu / HOUR, 2),
            "memory_gib_hours": round(one.memory / GIB / HOUR, 2),
            "gpu_hours": round(one.gpu / HOUR, 2),
            "disk_bytes": None,
        }
    empty = {"hours": 0.0, "cpu_hours": 0.0, "memory_gib_hours": 0.0, "gpu_hours": 0.0}
    for disk in disks:
        if disk.month == month:
            people[disk.person] = {**people.get(disk.person, empty), "disk_bytes": disk.last}
    return {"version": 1, "updated": now, "month": month, "people": people}


def by_person(sums: dict[Key, Sum], month: str) -> dict[str, Sum]:
    """Return the sums of each person in a month."""
    found: dict[str, Sum] = {}
    for key, one in sums.items():
        if key.month == month:
            found[key.person] = found.get(key.person, Sum()).plus(one)
    return found


def attend(world: World, wanted: settings.Settings, find: Callable[[str], quota.Quotas] = quota.find) -> list[str]:
    """Do everything once; returns what is not as it should be. Raises OSError, ValueError, sqlite3.Error."""
    problems = []
    path = world.root / FILE
    store = Store(path)
    try:
        try:
            with lock.hold(world.root, LOCK):
                problems.append(
                    "labserver-usage-watch.service does not run, so memory is counted every few minutes only"
                )
                recorder = Recorder(world, store, wanted.cgroup_parent)
                recorder.catch_up()
                recorder.sample()
                recorder.flush()
        except lock.BusyError:
            pass  # the service is at it
        except EngineError as error:
            problems.append(f"nothing is recorded: {error}")
        now, state = world.now(), store.state()
        if now - state.looked > STALE_SECONDS and state.looked:
            problems.append(f"nothing was recorded for {(now - state.looked) / 60:.0f} minutes")
        if state.blind:
            problems.append(f"of {state.blind} servers only the hours are counted: their control groups are not found")
        month = model.month_of(now)
        store.keep_disk(month, stored(homes(world.root), find), now, LONGEST_GAP_SECONDS)
        store.forget(now, wanted.keep_days)
        stamp = clock.stamp(clock.datetime.fromtimestamp(now, clock.UTC))
        content = json.dumps(own(store.sums(month), store.disks(month), month, stamp)) + "\n"
        files.replace(world.root / OWN, content.encode(), 0o640, group=HUB_GROUP)
    finally:
        store.close()
    return problems


def main(argv: Sequence[str]) -> int:
    """Command line of the job: 0 well, 1 a warning, 2 nothing can be kept."""
    parser = argparse.ArgumentParser(prog="labserver usage", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    root = parser.parse_args(list(argv)).root
    try:
        problems = attend(World(root), settings.load(root))
    except (OSError, ValueError, sqlite3.Error) as error:
        job.leave(clean(str(error), 500))
        sys.stderr.write(f"labserver usage: {error}\n")
        return job.CRITICAL
    line = "; ".join(problems) or "what servers use is recorded"
    job.leave(clean(line, 500))
    sys.stdout.write(f"{clean(line, 500)}\n")
    return job.WARNING if problems else job.OK
