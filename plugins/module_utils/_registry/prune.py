# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prunes a registry over its API: read, plan, delete, verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .api import Abilities, ApiExecutor, Outcome, probe
from .cache import Cache
from .client import RegistryClient
from .facts import Repository, needed_blobs
from .plan import Limits, Plan, Protection, make_plan
from .policy import Policy, first_match
from .scan import read_repositories
from .verify import verify


@dataclass(slots=True)
class Result:
    """What was done, or in check mode would be. ``freed``: bytes that a collection would free afterwards."""

    plan: Plan
    now: float
    freed: int
    abilities: Abilities
    outcome: Outcome = field(default_factory=Outcome)
    broken: list[str] = field(default_factory=list)
    requests: int = 0


def prune(
    client: RegistryClient,
    cache: Cache,
    policies: Sequence[Policy],
    protection: Protection,
    limits: Limits,
    *,
    check: bool = False,
    retag: bool = False,
) -> Result:
    """Prune the repositories that the policies match. Raises RegistryError when the registry cannot be read.

    Errors while deleting are in ``outcome.error``, together with what had been done by then.
    """
    now = client.ping()
    names = [name for name in client.repositories() if any(first_match(item.repositories, name) for item in policies)]
    repositories = read_repositories(client, names, cache, now)
    abilities = probe(client, names[0]) if names else Abilities(False)
    plan = make_plan(
        repositories,
        policies,
        now=now,
        can_untag=abilities.delete_tags or retag,
        protection=protection,
        limits=limits,
    )
    result = Result(plan, now, _freed(plan, repositories), abilities)
    if plan.removals and not plan.refusals and not abilities.problem and not check:
        result.outcome = ApiExecutor(client, cache, delete_tags=abilities.delete_tags, retag=retag).run(plan)
        if not result.outcome.error:
            known = {item.name: item.manifests for item in repositories}
            for item in plan.repositories:
                if item.remove_tags or item.remove_manifests:
                    result.broken += verify(client, item.name, item.kept, known[item.name])
    elif not check:
        cache.save({digest for repository in repositories for digest in repository.manifests})
    result.requests = client.requests
    return result


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
