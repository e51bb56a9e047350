# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What policies say, case by case."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import patterns, policy, versions
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86400.0


def tags(**ages: float | None) -> list[policy.Candidate]:
    """Candidates with an image of their own each, pushed so many days ago."""
    return [
        policy.Candidate(name, f"sha256:{name}", None if age is None else NOW - age * DAY, None)
        for name, age in ages.items()
    ]


def kept(rules: dict[str, t.Any], candidates: list[policy.Candidate]) -> set[str]:
    (parsed,) = policy.parse_policies([{"min_age": 0, **rules}])
    opinions = policy.judge(parsed, candidates, NOW)
    assert opinions.keys() == {candidate.tag for candidate in candidates}
    assert all(opinion.rule for opinion in opinions.values())
    return {tag for tag, opinion in opinions.items() if opinion.keep}


CASES: list[tuple[dict[str, t.Any], dict[str, float | None], set[str]]] = [
    # Without a rule nothing goes.
    ({}, {"a": 900, "b": None}, {"a", "b"}),
    ({"keep_last": 2}, {"a": 3, "b": 2, "c": 1}, {"b", "c"}),
    # Keep rules add up.
    ({"keep_last": 1, "keep_within": "10d"}, {"a": 30, "b": 9, "c": 1}, {"b", "c"}),
    ({"keep_last": 1, "keep_tags": ["stable-*"]}, {"stable-1": 300, "b": 9, "c": 1}, {"stable-1", "c"}),
    # What is kept by name is not counted.
    ({"keep_last": 1, "keep_tags": ["c"]}, {"a": 30, "b": 9, "c": 1}, {"b", "c"}),
    # Removed by name: not counted either, and before the counting rules.
    ({"keep_last": 1, "remove_tags": ["nightly-*"]}, {"nightly-1": 1, "b": 9}, {"b"}),
    ({"remove_tags": ["nightly-*"]}, {"nightly-1": 1, "b": 9}, {"b"}),
    ({"remove_tags": ["n*"], "keep_tags": ["n1"]}, {"n1": 1, "n2": 9}, {"n1"}),
    # Others than "tags" stay.
    ({"tags": ["b*"], "keep_last": 1}, {"a1": 50, "b1": 9, "b2": 1}, {"a1", "b2"}),
    # An unknown age stays where ages are compared, and does not count.
    ({"keep_last": 1}, {"a": None, "b": 9, "c": 1}, {"a", "c"}),
    ({"keep_last": 1, "order": "name"}, {"a": None, "b": None}, {"b"}),
    ({"keep_last": 1, "order": "name", "keep_within": "1d"}, {"a": None, "b": 3}, {"a", "b"}),
    # The guard for pushes under way wins over removal by name.
    ({"remove_tags": ["*"], "min_age": "1h"}, {"a": 0.01, "b": 1}, {"a"}),
    ({"keep_daily": 2}, {"a": 0.1, "b": 0.2, "c": 1.0, "d": 2.0}, {"a", "c"}),
    ({"keep_weekly": 2}, {"a": 0, "b": 1, "c": 8, "d": 9}, {"a", "c"}),
    ({"keep_monthly": 3}, {"a": 1, "b": 25, "c": 26, "d": 200}, {"a", "b", "d"}),
    ({"keep_yearly": 1}, {"a": 1, "b": 400}, {"a"}),
    ({"keep_hourly": 2}, {"a": 0.0, "b": 0.03, "c": 0.06}, {"a", "b"}),
    (
        {"keep_last": 2, "order": "semver"},
        {"v1.9.0": 1, "v1.10.0": 9, "v1.10.0-rc.1": 2, "main": 0},
        {"v1.10.0", "v1.10.0-rc.1", "main"},
    ),
]


@pytest.mark.parametrize(("rules", "ages", "expected"), CASES)
def test_rules(rules: dict[str, t.Any], ages: dict[str, float | None], expected: set[str]) -> None:
    assert kept(rules, tags(**ages)) == expected


def test_images_count_once_however_many_tags_they_have() -> None:
    candidates = [policy.Candidate(tag, digest, NOW - age * DAY, None) for tag, digest, age in
                  (("a", "1", 1), ("b", "1", 2), ("c", "2", 3), ("d", "3", 4))]  # fmt: skip
    assert kept({"keep_last": 2}, candidates) == {"a", "b", "c"}
    assert kept({"keep_last": 2, "count": "tags"}, candidates) == {"a", "b"}


def test_time_of_the_push_counts_before_the_time_of_the_build() -> None:
    candidates = [
        policy.Candidate("old build", "1", NOW - DAY, NOW - 900 * DAY),
        policy.Candidate("x", "2", NOW - 9 * DAY, NOW),
    ]
    assert kept({"keep_last": 1}, candidates) == {"old build"}
    assert kept({"keep_last": 1, "age": "created"}, candidates) == {"x"}


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(0, 99), max_size=12),
    st.integers(0, 5),
    st.integers(0, 60),
)
def test_more_rules_never_keep_less(ages: dict[str, float], last: int, within: int) -> None:
    candidates = tags(**ages)
    both = kept({"keep_last": last + 1, "keep_within": f"{within}d"}, candidates)
    assert kept({"keep_last": last + 1}, candidates) <= both
    newest = sorted(ages, key=lambda name: ages[name])[: last + 1]
    assert len(both) >= len(newest)


def test_semver_order() -> None:
    # semver.org, 11: precedence
    text = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0"
    ordered = [*text.split(), "v1.2", "1.2.3", "1.10.0", "2"]
    shuffled = ordered[5:] + ordered[:5]
    assert sorted(shuffled, key=versions.version_key) == ordered


@pytest.mark.parametrize(
    "names",
    [
        ["0.8", "0.9", "1.0.0.2", "1.0.0.10"],  # four parts
        ["1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post0", "1.0.post1"],  # PEP 440
        ["1.0-alpha", "1.0-alpha.1", "1.0-beta", "1.0-beta.2", "1.0-beta.11", "1.0-rc.1", "1.0"],  # semver.org, 11
        ["2026.9", "2026.10", "2026.10.1", "2026.11"],
        ["v1", "v1.0.1", "1.1_1", "v2"],
    ],
)
def test_versions_in_order(names: list[str]) -> None:
    keys = [versions.version_key(name) for name in names]
    assert None not in keys and keys == sorted(keys) and len(set(keys)) == len(keys)


def test_names_that_are_no_versions_are_never_removed_for_their_order() -> None:
    names = tags(**{"0.8": 4, "0.9": 3, "1.0.0.10": 2, "latest": 1, "main": 5, "1.0rc1": 2.5})
    rules = {"keep_last": 2, "order": "semver"}
    assert kept(rules, names) == {"1.0.0.10", "1.0rc1", "latest", "main"}
    assert kept({**rules, "remove_tags": ["main"]}, names) == {"1.0.0.10", "1.0rc1", "latest"}
    opinions = policy.judge(policy.parse_policies([rules])[0], names, NOW)
    assert opinions["latest"].rule == "is no version (order: semver); remove_tags removes such names"


def test_natural_order() -> None:
    assert sorted(["b10", "b9", "b1a", "a"], key=versions.natural_key) == ["a", "b1a", "b9", "b10"]


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("notebooks/*", "notebooks/a", True),
        ("notebooks/*", "notebooks/a/b", False),
        ("notebooks/**", "notebooks/a/b", True),
        ("**/cache", "a/b/cache", True),
        ("**/cache", "cache", True),
        ("v1.?", "v1.2", True),
        ("v1.?", "v1x2", False),
        ("[!a]x", "bx", True),
        ("~v[0-9]+", "v12", True),
        ("~v[0-9]+", "v12-rc", False),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    assert bool(patterns.first_match([pattern], name)) is matches


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 30 * DAY),
        ("1y6mo", (365 + 180) * DAY),
        ("90min", 5400),
        ("2w", 14 * DAY),
        ("0", 0),
        (60, 60),
        ("12H", 12 * HOUR),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert patterns.duration(text) == seconds


@pytest.mark.parametrize("text", ["30", "soon", "", "-1d", "3 d", None, True])
def test_durations_refuse_what_is_unclear(text: object) -> None:
    if text == "30":
        assert patterns.duration(text) == 30
        return
    with pytest.raises(ValueError, match="is not a time span"):
        patterns.duration(text)


def test_all_problems_at_once() -> None:
    given_policies = [{"keep_lats": 3}, {"keep_last": -1, "keep_within": "soon", "tags": ["~("], "order": "size"}, "x"]
    problems = policy.policy_problems(given_policies, "registry_policies")
    assert len(problems) == 6
    assert problems[0].startswith("registry_policies[0]: unknown option 'keep_lats'; known: age, allow_empty")
    assert "registry_policies[1].keep_last: -1 is not a whole number from 0" in problems
    assert "registry_policies[1].order: 'size' is not one of age, semver, name" in problems
    assert "registry_policies[2]: must be a dictionary with the options of a policy" in problems
