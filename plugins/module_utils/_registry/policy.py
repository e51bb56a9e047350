# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a policy says about each tag of a repository, and by which rule. Pure: facts in, verdicts out.

Keeping wins: a tag goes only when no rule keeps it. The order in which rules are asked: protected and used images,
``keep_tags``, ``min_age``, ``remove_tags``, then ``keep_last``, ``keep_within``, ``keep_hourly`` to ``keep_yearly``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from .patterns import compile_pattern, duration, duration_text, first_match
from .versions import natural_key, version_key

PERIODS = {"hourly": "%Y-%m-%d %H", "daily": "%Y-%m-%d", "weekly": "%G-%V", "monthly": "%Y-%m", "yearly": "%Y"}


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy; the fields are the options of ``registry_prune``'s ``policies``, times in seconds."""

    repositories: tuple[str, ...] = ("**",)
    tags: tuple[str, ...] = ("*",)
    keep_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    keep_last: int = 0
    keep_within: float = 0.0
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    min_age: float = 3600.0
    order: str = "age"
    age: str = "auto"
    count: str = "digests"
    remove_untagged: bool = True
    remove_orphans: bool = False
    max_fraction: float | None = None
    allow_empty: bool | None = None

    @property
    def needs_build_time(self) -> bool:
        """Whether any rule asks when an image was built, where nothing says when it was pushed."""
        periods = any(getattr(self, f"keep_{period}") for period in PERIODS)
        newest = self.keep_last and self.order == "age"
        return self.age != "pushed" and bool(periods or newest or self.keep_within or self.min_age)

    @property
    def rules(self) -> list[str]:
        """The rules that keep by count or age, as a person wrote them."""
        counts = ("keep_last", *(f"keep_{period}" for period in PERIODS))
        rules = [f"{name}={getattr(self, name)}" for name in counts if getattr(self, name)]
        return rules + ([f"keep_within={duration_text(self.keep_within)}"] if self.keep_within else [])


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the rules look at: a tag, its digest and its times (seconds since the epoch, None: unknown)."""

    tag: str
    digest: str
    pushed: float | None
    created: float | None

    def time(self, which: str) -> float | None:
        """The time that counts as the tag's age."""
        if which == "created":
            return self.created
        return self.pushed if self.pushed is not None or which == "pushed" else self.created


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the policy thinks about a tag."""

    keep: bool
    rule: str


def judge(policy: Policy, candidates: Sequence[Candidate], now: float) -> dict[str, Opinion]:
    """Return tag -> opinion. ``candidates`` are the tags that nothing else protects; ``now`` in seconds."""
    opinions: dict[str, Opinion] = {}
    counted: list[Candidate] = []
    for candidate in candidates:
        opinion = _opinion(policy, candidate, now)
        if opinion is None:
            counted.append(candidate)
        else:
            opinions[candidate.tag] = opinion
    needs_time = policy.rules != [f"keep_last={policy.keep_last}"] or policy.order == "age"
    if needs_time:
        for candidate in counted:
            if candidate.time(policy.age) is None:
                opinions[candidate.tag] = Opinion(True, "age unknown")
        counted = [candidate for candidate in counted if candidate.tag not in opinions]
    for rule, kept in _counting_rules(policy, counted, now):
        for tag in kept:
            opinions.setdefault(tag, Opinion(True, rule))
    left = "not kept by " + ", ".join(policy.rules)
    return opinions | {candidate.tag: Opinion(False, left) for candidate in counted if candidate.tag not in opinions}


def _opinion(policy: Policy, candidate: Candidate, now: float) -> Opinion | None:
    """Return what the rules for a single tag say, None when it is one of those that are counted."""
    time = candidate.time(policy.age)
    if pattern := first_match(policy.keep_tags, candidate.tag):
        return Opinion(True, f"keep_tags {pattern}")
    if time is not None and now - time < policy.min_age:
        return Opinion(True, f"younger than min_age={duration_text(policy.min_age)}")
    if pattern := first_match(policy.remove_tags, candidate.tag):
        return Opinion(False, f"remove_tags {pattern}")
    among = first_match(policy.tags, candidate.tag)
    if not among or not policy.rules:
        return Opinion(True, "no rule" if among else "no rule: not among tags")
    if policy.order == "semver" and policy.keep_last and version_key(candidate.tag) is None:
        return Opinion(True, "is no version (order: semver); remove_tags removes such names")
    return None


def _counting_rules(policy: Policy, counted: Sequence[Candidate], now: float) -> Iterable[tuple[str, set[str]]]:
    if policy.keep_last:
        newest = sorted(counted, key=_order(policy), reverse=True)
        yield f"keep_last={policy.keep_last}", _first(newest, policy.keep_last, policy.count)
    if policy.keep_within:
        young = {item.tag for item in counted if now - (item.time(policy.age) or 0.0) <= policy.keep_within}
        yield f"keep_within={duration_text(policy.keep_within)}", young
    for period, layout in PERIODS.items():
        number = getattr(policy, f"keep_{period}")
        if not number:
            continue
        newest_of: dict[str, Candidate] = {}
        for candidate in sorted(counted, key=lambda item: (item.time(policy.age) or 0.0, item.tag), reverse=True):
            moment = datetime.fromtimestamp(candidate.time(policy.age) or 0.0, UTC)
            newest_of.setdefault(moment.strftime(layout), candidate)
        kept = {candidate.digest for candidate in list(newest_of.values())[:number]}
        tags = {candidate.tag for candidate in list(newest_of.values())[:number]}
        if policy.count == "digests":
            tags = {candidate.tag for candidate in counted if candidate.digest in kept}
        yield f"keep_{period}={number}", tags


def _first(ordered: Sequence[Candidate], number: int, count: str) -> set[str]:
    if count == "tags":
        return {candidate.tag for candidate in ordered[:number]}
    digests = list(dict.fromkeys(candidate.digest for candidate in ordered))[:number]
    chosen = set(digests)
    return {candidate.tag for candidate in ordered if candidate.digest in chosen}


def _order(policy: Policy) -> Callable[[Candidate], Any]:
    if policy.order == "semver":
        return lambda item: (version_key(item.tag), item.time(policy.age) or 0.0, natural_key(item.tag))
    if policy.order == "name":
        return lambda item: natural_key(item.tag)
    return lambda item: (item.time(policy.age) or 0.0, natural_key(item.tag))


# From inputs


def parse_policies(given: Sequence[Mapping[str, Any]], where: str = "policies") -> list[Policy]:
    """Return the policies. Raises ValueError with all problems, one per line."""
    problems = policy_problems(given, where)
    if problems:
        raise ValueError("\n".join(problems))
    return [_policy(item) for item in given]


def policy_problems(given: object, where: str = "policies") -> list[str]:
    """Return every problem of a list of policies, each with its index."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return [f"{where}: must be a list of policies"]
    known = {item.name for item in fields(Policy)}
    problems: list[str] = []
    for index, item in enumerate(given):
        here = f"{where}[{index}]"
        if not isinstance(item, Mapping):
            problems.append(f"{here}: must be a dictionary with the options of a policy")
            continue
        problems += [
            f"{here}: unknown option {name!r}; known: {', '.join(sorted(known))}" for name in sorted(set(item) - known)
        ]
        for name in sorted(known & set(item)):
            if item[name] is not None and (problem := _problem(name, item[name])):
                problems.append(f"{here}.{name}: {problem}")
    return problems


CHOICES = {"order": ("age", "semver", "name"), "age": ("auto", "pushed", "created"), "count": ("digests", "tags")}


def _problem(name: str, value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in ("repositories", "tags", "keep_tags", "remove_tags"):
        if not isinstance(value, list | tuple) or not all(isinstance(pattern, str) for pattern in value):
            return "must be a list of patterns"
        return next((text for pattern in value if (text := _failure(compile_pattern, pattern))), "")
    if name in ("keep_within", "min_age"):
        return _failure(duration, value)
    if name in CHOICES:
        good, wanted = value in CHOICES[name], f"one of {', '.join(CHOICES[name])}"
    elif name in ("remove_untagged", "remove_orphans", "allow_empty"):
        good, wanted = isinstance(value, bool), "true or false"
    elif name == "max_fraction":
        good, wanted = number and 0 <= value <= 1, "a number from 0 to 1"
    else:
        good, wanted = isinstance(value, int) and number and value >= 0, "a whole number from 0"
    return "" if good else f"{value!r} is not {wanted}"


def _failure(function: Callable[[Any], Any], value: Any) -> str:
    try:
        function(value)
    except ValueError as error:
        return str(error)
    return ""


def _policy(item: Mapping[str, Any]) -> Policy:
    values: dict[str, Any] = {}
    for name, value in item.items():
        if value is None:
            continue
        if name in ("keep_within", "min_age"):
            values[name] = duration(value)
        elif isinstance(value, list | tuple):
            values[name] = tuple(value)
        else:
            values[name] = value
    return Policy(**values)
