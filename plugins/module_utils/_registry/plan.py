# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a whole registry, from facts and policies, with guards against a policy not meant that way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .decide import Decision, subject_of, time_of
from .facts import Repository, closure, size_of
from .model import DEFAULT_LIMITS, NO_PROTECTION, Limits, Plan, Protection, RepositoryPlan, Verdict
from .patterns import first_match
from .policy import Policy


def compare(
    repositories: Iterable[Repository],
    policies: Sequence[Policy],
    *,
    now: float,
    can_untag: bool,
    protection: Protection = NO_PROTECTION,
    limits: Limits = DEFAULT_LIMITS,
) -> Plan:
    """Return the plan. ``can_untag``: tags can be removed whose digest stays; distribution 2.8 cannot over its API."""
    plans: list[RepositoryPlan] = []
    refusals: list[str] = []
    for repository in sorted(repositories, key=lambda item: item.name):
        policy = next((item for item in policies if first_match(item.repositories, repository.name)), None)
        if policy is None:
            plan = _untouched(repository, "no policy for this repository")
        elif repository.problems:
            plan = _untouched(repository, "the repository cannot be read completely", tuple(repository.problems))
        else:
            plan = Decision(repository, policy, protection, now).plan(can_untag)
            refusals += _refusals(repository, policy, plan, limits)
        plans.append(plan)
    tags = sum(len(item.remove_tags) for item in plans)
    if limits.max_removals and tags > limits.max_removals:
        refusals.append(f"{tags} tags would be removed, more than max_removals={limits.max_removals}")
    return Plan(tuple(plans), tuple(refusals))


def _refusals(repository: Repository, policy: Policy, plan: RepositoryPlan, limits: Limits) -> list[str]:
    removed = len(plan.remove_tags)
    total = len(repository.tags)
    allow_empty = limits.allow_empty if policy.allow_empty is None else policy.allow_empty
    fraction = limits.max_fraction if policy.max_fraction is None else policy.max_fraction
    if not removed:
        return []
    images = [tag for tag in plan.kept if subject_of(repository, tag) is None]
    if not images and not allow_empty:
        return [f"{repository.name}: all {total} tags would be removed; allow_empty permits that"]
    if removed > fraction * total and (images or fraction < 1):
        return [f"{repository.name}: {removed} of {total} tags would be removed, more than max_fraction={fraction:g}"]
    return []


def _untouched(repository: Repository, rule: str, problems: tuple[str, ...] = ()) -> RepositoryPlan:
    verdicts = tuple(
        Verdict(tag.name, tag.digest, True, rule, time_of(repository, tag.name, tag.digest, "auto"),
                size_of(tag.digest, repository.manifests))
        for tag in repository.tags.values()
    )  # fmt: skip
    roots = [tag.digest for tag in repository.tags.values()] + list(repository.revisions or {})
    needed = frozenset(closure(roots, repository.manifests))
    return RepositoryPlan(repository.name, verdicts, needed=needed, problems=problems)
