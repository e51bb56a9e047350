# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the runs of this scenario: converge, idempotence, and the checks before and after where they are made."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
import yaml

Run = dict[str, t.Any]


@pytest.fixture(scope="module")
def sequence() -> list[str]:
    """The runs that `molecule test` makes of this scenario's playbook, in their order."""
    scenario = yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text())["scenario"]
    return [step for step in scenario["test_sequence"] if step in ("check", "converge", "idempotence")]


@pytest.fixture(scope="module")
def runs(sequence: list[str]) -> list[Run]:
    """The runs of converge.yml since the hosts were created (create.yml empties the folder), oldest first."""
    files = sorted(Path(os.environ["LABSERVER_RUNS"]).glob("[0-9]*.json"))
    found: list[Run] = [json.loads(file.read_text()) for file in files]
    runs = [run for run in found if run["playbook"] == "converge.yml"]
    if [run["check"] for run in runs] != [step == "check" for step in sequence]:
        message = f"needs the whole sequence of `molecule test`: {', '.join(sequence)}"
        if os.environ.get("LABSERVER_WHOLE_SEQUENCE"):
            pytest.fail(message)
        pytest.skip(message)
    return runs


@pytest.fixture(scope="module")
def first(runs: list[Run], sequence: list[str]) -> Run:
    """The run that set the hosts up."""
    return runs[sequence.index("converge")]


@pytest.fixture(scope="module")
def second(runs: list[Run], sequence: list[str]) -> Run:
    return runs[sequence.index("idempotence")]


@pytest.fixture(scope="module")
def check_before(runs: list[Run], sequence: list[str]) -> Run:
    """The check on the bare hosts."""
    if sequence[0] != "check":
        pytest.skip("this scenario makes no check of the bare hosts")
    return runs[0]


@pytest.fixture(scope="module")
def check_after(runs: list[Run], sequence: list[str]) -> Run:
    if sequence[-1] != "check":
        pytest.skip("this scenario makes no check after the runs")
    return runs[-1]


def key(result: dict[str, t.Any]) -> tuple[str, str, str]:
    return (result["host"], result["path"], result["item"])


def describe(result: dict[str, t.Any]) -> str:
    return f"{result['role']}: {result['task']} {result['item']} ({result['path']})"


def test_second_run_changes_nothing(second: Run) -> None:
    assert [describe(result) for result in second["results"] if result["changed"]] == []


def test_check_after_the_runs_finds_nothing_to_change(check_after: Run) -> None:
    assert [describe(result) for result in check_after["results"] if result["changed"]] == []


def test_first_check_never_said_unchanged_of_what_changed(check_before: Run, first: Run) -> None:
    """A task that ran in check mode on the bare host and found nothing to do must not have changed anything later."""
    said = {key(result): result for result in check_before["results"] if not result["skipped"]}
    lies = [
        describe(result)
        for result in first["results"]
        if result["changed"] and key(result) in said and not said[key(result)]["changed"]
    ]
    assert lies == []


def test_first_check_predicted_the_roles_that_change(check_before: Run, first: Run) -> None:
    predicted, changed = (
        {r["role"] for r in run["results"] if r["changed"] and r["role"]} for run in (check_before, first)
    )
    if any(r["task"] == "Load images that were built before" for r in first["results"] if not r["skipped"]):
        predicted.discard("labserver.jupyter.image_build")  # there was nothing left to build
        changed.discard("labserver.jupyter.image_build")
    assert changed == predicted


def test_a_run_that_changes_nothing_stays_within_its_budget(second: Run) -> None:
    """At most so many modules run on a host: over a slow line each one costs a round trip and more.

    In ``parts`` the docker role runs once more by itself, with no look at the host, so it asks for each matter.
    """
    budget = {"default": 25, "parts": 31}.get(os.environ.get("MOLECULE_SCENARIO_NAME", ""), 60)
    hosts = {result["host"] for result in second["results"]}
    for host in hosts:
        own = [r for r in second["results"] if r["host"] == host and "/molecule/" not in r["path"]]
        calls = [describe(r) for r in own if not r["local"] and not r["skipped"]]
        assert len(calls) <= budget, f"{len(calls)} remote calls on {host}: {calls}"
