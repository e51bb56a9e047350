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
from .client import RegistryClient
from .facts import Repository
from .model import Plan
from .outlook import Outlook, of_plan
from .pause import wait_until_up
from .plan import compare
from .protocol import RegistryError
from .store import Store
from .sweep import Garbage, Sweeper, find_garbage
from .verify import verify
from .wanted import Desired

Pause = Callable[[], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class World:
    """A registry on this host: its store, its API, how it is brought to rest, and what is known of it from earlier."""

    store: Store
    cache: Cache
    client: RegistryClient
    pause: Pause
    clock: Callable[[], float] = time.time


@dataclass(slots=True)
class Outcome:
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
    outlook: Outlook = field(default_factory=Outlook)


class RefusedError(Exception):
    """The guards forbid this plan; nothing was touched."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("; ".join(outcome.plan.refusals))
        self.outcome = outcome


def converge(world: World, desired: Desired, *, check: bool = False) -> Outcome:
    """Do the work, or with ``check`` only tell what would be done.

    Raises RefusedError, StoreError, BusyError, PauseError, OSError or RegistryError; by then the registry runs again,
    or its supervisor starts it.
    """
    now = world.clock()
    sweeper = Sweeper(world.store)
    world.store.check(served=_served(world.client), known=len(world.cache.manifests))
    outcome, repositories, garbage = _look(world, desired, now)
    if outcome.plan.refusals:
        outcome.freed, outcome.outlook = garbage.size, of_plan(outcome.plan, repositories, garbage.blobs, done=False)
        raise RefusedError(outcome)
    # Of a run that was killed before it emptied its trash; until then not a byte has come free.
    left = sweeper.left()
    outcome.changed = bool(outcome.plan.removals or garbage.blobs or left)
    if check or not (outcome.changed or desired.collector):
        outcome.freed, outcome.young = garbage.size, garbage.young
        outcome.outlook = of_plan(outcome.plan, repositories, garbage.blobs, done=not check)
        if not check:
            outcome.warnings += _save(world.cache, outcome.plan, repositories)
        return outcome
    with ThreadPoolExecutor(1) as aside:
        started = time.monotonic()
        rests = False
        try:
            with world.pause():
                rests = True
                sweeper.prepare()
                # Once more: the world has moved on since the first look. All manifests are in the cache by now.
                outcome, repositories, garbage = _look(world, desired, now)
                if outcome.plan.refusals:
                    raise RefusedError(outcome)
                outcome.removed = sweeper.remove(outcome.plan)
                sweeper.collect(garbage, [item.name for item in repositories])
                if desired.collector:
                    desired.collector()
            outcome.changed = bool(outcome.removed or garbage.blobs or desired.collector or left)
            outcome.freed, outcome.young = garbage.size, garbage.young
        finally:
            if rests:  # else another run is at work, and the registry is its business
                wait_until_up(lambda: world.client.ping(retries=0))
                outcome.downtime = time.monotonic() - started
                aside.submit(sweeper.empty)  # waits for the disk, while the verification waits for the registry
        outcome.outlook = of_plan(outcome.plan, repositories, garbage.blobs, done=True)
        outcome.warnings += _save(world.cache, outcome.plan, repositories)
        _verify(world.client, outcome, repositories)
    return outcome


def _served(client: RegistryClient) -> str | None:
    """Return a repository that the registry serves, as far as it tells: it may rest, or show nobody its list."""
    try:
        return client.some_repository()
    except RegistryError:
        return None


def _look(world: World, desired: Desired, now: float) -> tuple[Outcome, list[Repository], Garbage]:
    repositories = world.store.read(world.cache, now)
    plan = compare(
        repositories,
        desired.policies,
        now=now,
        can_untag=True,
        protection=desired.protection,
        limits=desired.limits,
    )
    garbage = Garbage({}, 0)
    outcome = Outcome(plan, now)
    if desired.collect and desired.collector is None:
        doomed = {(item.name, digest) for item in plan.repositories for digest in item.doomed}
        garbage = find_garbage(world.store, repositories, doomed, now - desired.grace)
    return outcome, repositories, garbage


def _save(cache: Cache, plan: Plan, repositories: Sequence[Repository]) -> list[str]:
    cache.pending.clear()
    gone = {item.name: set(item.doomed) for item in plan.repositories}
    try:
        cache.save({digest for item in repositories for digest in item.manifests.keys() - gone[item.name]})
    except OSError as error:  # a full disk, say: the next run takes longer, and that is all
        return [f"the cache {cache.path} was not written: {error}"]
    return []


def _verify(client: RegistryClient, outcome: Outcome, repositories: Sequence[Repository]) -> None:
    plans = {item.name: item for item in outcome.plan.repositories}
    for repository in repositories:
        plan = plans[repository.name]
        if plan.problems:
            continue  # was not whole before, was not touched, and is reported
        try:
            outcome.broken += verify(client, repository.name, plan.kept, repository.manifests)
        except RegistryError as error:
            outcome.broken.append(f"{repository.name}: {error}")
        outcome.verified += len(plan.kept)
