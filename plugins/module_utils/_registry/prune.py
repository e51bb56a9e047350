# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prunes a registry over its API: read, plan, delete, verify."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .api import Abilities, ApiExecutor, Deleted, probe
from .cache import Cache
from .client import RegistryClient
from .facts import Repository, needed_blobs
from .model import Plan
from .patterns import first_match
from .plan import compare
from .scan import read_repositories
from .verify import verify
from .wanted import Desired


@dataclass(slots=True)
class Outcome:
    """What was done, or in check mode would be. ``freed``: bytes that a collection would free afterwards."""

    plan: Plan
    now: float
    freed: int
    abilities: Abilities
    deleted: Deleted = field(default_factory=Deleted)
    broken: list[str] = field(default_factory=list)
    requests: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """A registry that is reached over its API, and what is known of it from earlier."""

    client: RegistryClient
    cache: Cache


def converge(world: World, desired: Desired, *, check: bool = False, retag: bool = False) -> Outcome:
    """Prune the repositories that the policies match. Raises RegistryError when the registry cannot be read.

    Errors while deleting are in ``deleted.error``, together with what had been done by then.
    """
    client, cache, policies = world.client, world.cache, desired.policies
    now, began = client.ping(), time.monotonic()
    names = [name for name in client.repositories() if any(first_match(item.repositories, name) for item in policies)]

    def times(name: str) -> bool:
        return next(item.needs_build_time for item in policies if first_match(item.repositories, name))

    repositories = read_repositories(client, names, cache, now, times)
    abilities = probe(client, names[0]) if names else Abilities(False)
    plan = compare(
        repositories,
        policies,
        now=now,
        can_untag=abilities.delete_tags or retag,
        protection=desired.protection,
        limits=desired.limits,
    )
    outcome = Outcome(plan, now, _freed(plan, repositories), abilities)
    if plan.removals and not plan.refusals and not abilities.problem and not check:
        outcome.deleted = ApiExecutor(client, cache, delete_tags=abilities.delete_tags, retag=retag, read=began).run(
            plan
        )
        if not outcome.deleted.error:
            known = {item.name: item.manifests for item in repositories}
            for item in plan.repositories:
                if item.remove_tags or item.remove_manifests:
                    # Deleting takes no layers away; that is for the collection, which looks at them.
                    outcome.broken += verify(client, item.name, item.kept, known[item.name], layers=False)
    elif not check:
        cache.save({digest for repository in repositories for digest in repository.manifests})
    outcome.requests = client.requests
    return outcome


def _freed(plan: Plan, repositories: Sequence[Repository]) -> int:
    """Return the bytes that only doomed manifests need, of all that was read.

    An estimate: repositories that were not read may share layers, and there may be garbage that the API does not show.
    """
    sizes: dict[str, int] = {}
    kept: set[str] = set()
    known = {item.name: item.manifests for item in repositories}
    for item in plan.repositories:
        doomed = set(item.doomed)
        sizes.update(needed_blobs(doomed, known[item.name]))
        kept.update(digest for digest, _size in needed_blobs(known[item.name].keys() - doomed, known[item.name]))
    return sum(size for digest, size in sizes.items() if digest not in kept)
