# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prunes and collects on the store while the registry pauses, and proves afterwards that what is kept can be pulled.

As much as possible is done outside of the pause: manifests are read before it (they are named by their hash and do not
change), files are removed after it. Inside remain: listing tags and revisions, renaming what goes, and the restart.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .cache import Cache
from .client import RegistryClient, RegistryError
from .facts import Repository
from .pause import wait_until_up
from .plan import DEFAULT_LIMITS, NO_PROTECTION, Limits, Plan, Protection, make_plan
from .policy import Policy
from .store import Store
from .sweep import Garbage, Sweeper, find_garbage
from .verify import verify

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Work:
    """What is wanted. ``grace``: blobs written within so many seconds are not collected; their push may still run.

    ``collector`` runs another collector than the one here while the registry pauses.
    """

    policies: Sequence[Policy] = ()
    protection: Protection = NO_PROTECTION
    limits: Limits = DEFAULT_LIMITS
    collect: bool = True
    grace: float = 3600.0
    collector: Callable[[], None] | None = None


@dataclass(slots=True)
class Report:
    """What was done, or in check mode would be. Sizes in bytes, times in seconds."""

    plan: Plan
    now: float
    changed: bool = False
    removed: int = 0
    freed: int = 0
    young: int = 0
    downtime: float = 0.0
    verified: int = 0
    broken: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Refused(Exception):  # noqa: N818  (the guards did what they are for)
    """The guards forbid this plan; nothing was touched."""

    def __init__(self, report: Report) -> None:
        super().__init__("; ".join(report.plan.refusals))
        self.report = report


def maintain(
    store: Store,
    cache: Cache,
    client: RegistryClient,
    pause: Callable[[], contextlib.AbstractContextManager[None]],
    work: Work,
    *,
    check: bool = False,
    clock: Callable[[], float] = time.time,
) -> Report:
    """Do the work, or with ``check`` only tell what would be done.

    Raises Refused, PauseError, OSError or RegistryError; by then the registry runs again, or its supervisor starts it.
    """
    now = clock()
    sweeper = Sweeper(store)
    report, repositories, garbage = _look(store, cache, work, now)
    if report.plan.refusals:
        raise Refused(report)
    # Of a run that was killed before it emptied its trash; until then not a byte has come free.
    left = sweeper.left()
    report.changed = bool(report.plan.removals or garbage.blobs or left)
    if check or not (report.changed or work.collector):
        report.freed, report.young = garbage.size, garbage.young
        if not check:
            report.warnings += _save(cache, repositories)
        return report
    with ThreadPoolExecutor(1) as aside:
        started = time.monotonic()
        rests = False
        try:
            with pause():
                rests = True
                sweeper.prepare()
                # Once more: the world has moved on since the first look. All manifests are in the cache by now.
                report, repositories, garbage = _look(store, cache, work, now)
                if report.plan.refusals:
                    raise Refused(report)
                report.removed = sweeper.remove(report.plan)
                sweeper.collect(garbage, [item.name for item in repositories])
                if work.collector:
                    work.collector()
            report.changed = bool(report.removed or garbage.blobs or work.collector or left)
            report.freed, report.young = garbage.size, garbage.young
        finally:
            if rests:  # else another run is at work, and the registry is its business
                wait_until_up(lambda: client.ping(retries=0))
                report.downtime = time.monotonic() - started
                aside.submit(sweeper.empty)  # waits for the disk, while the verification waits for the registry
        report.warnings += _save(cache, repositories)
        _verify(client, report, repositories)
    return report


def _look(store: Store, cache: Cache, work: Work, now: float) -> tuple[Report, list[Repository], Garbage]:
    repositories = store.read(cache, now)
    plan = make_plan(
        repositories, work.policies, now=now, can_untag=True, protection=work.protection, limits=work.limits
    )
    garbage = Garbage({}, 0)
    report = Report(plan, now)
    if work.collect and work.collector is None:
        doomed = {(item.name, digest) for item in plan.repositories for digest in item.doomed}
        try:
            garbage = find_garbage(store, repositories, doomed, now - work.grace)
        except ValueError as error:
            report.warnings.append(f"no garbage is collected: {error}")
    return report, repositories, garbage


def _save(cache: Cache, repositories: Sequence[Repository]) -> list[str]:
    cache.pending.clear()
    try:
        cache.save({digest for repository in repositories for digest in repository.manifests})
    except OSError as error:  # a full disk, say: the next run takes longer, and that is all
        return [f"the cache {cache.path} was not written: {error}"]
    return []


def _verify(client: RegistryClient, report: Report, repositories: Sequence[Repository]) -> None:
    plans = {item.name: item for item in report.plan.repositories}
    for repository in repositories:
        plan = plans[repository.name]
        if plan.problems:
            continue  # was not whole before, was not touched, and is reported
        try:
            report.broken += verify(client, repository.name, plan.kept, repository.manifests)
        except RegistryError as error:
            report.broken.append(f"{repository.name}: {error}")
        report.verified += len(plan.kept)
