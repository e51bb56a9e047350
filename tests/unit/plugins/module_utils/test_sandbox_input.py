# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that cannot work are refused; what a container is made with is checked without an engine."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils import _sandbox
from ansible_collections.labserver.jupyter.plugins.module_utils._sandbox_input import problems


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"sandbox_memory_bytes": 1024}, "sandbox_memory_bytes: 1024 is too little; give at least 16777216 bytes"),
        ({"sandbox_processes": 1}, "sandbox_processes: 1 is too little; give at least 8 processes"),
        ({"sandbox_time_seconds": 0}, "sandbox_time_seconds: 0 is too little; give at least 1 s"),
        ({"sandbox_cpus": 0.0}, "sandbox_cpus: 0.0 is no share of a processor; give more than 0, for example 0.5"),
        (
            {"sandbox_memory_bytes": 16777216, "sandbox_scratch_bytes": 16777217},
            "sandbox_scratch_bytes: 16777217 is more than sandbox_memory_bytes (16777216), which it counts against; "
            "give less",
        ),
    ],
)
def test_messages(inputs: dict[str, t.Any], message: str) -> None:
    assert problems(inputs) == [message]


def test_defaults_are_good() -> None:
    limits = _sandbox.Limits("x")
    given = {"memory_bytes": limits.memory_bytes, "scratch_bytes": limits.scratch_bytes, "processes": limits.processes}
    assert problems({f"sandbox_{key}": value for key, value in given.items()} | {"sandbox_cpus": limits.cpus}) == []


@pytest.mark.parametrize("action", ["", "a b", "--help", "Run", "x" * 40, "run\n"])
def test_names_of_actions_cannot_become_options(action: str, tmp_path: Path) -> None:
    with pytest.raises(_sandbox.SandboxError, match="is no action's name"):
        _sandbox.create_command(_sandbox.Limits("x"), "n", tmp_path, action)


@pytest.mark.parametrize("name", ["a,readonly=false", 'a"b', "a\nb"])
def test_names_of_folders_cannot_become_mount_options(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(_sandbox.SandboxError, match="cannot be handed to the engine"):
        _sandbox.create_command(_sandbox.Limits("x"), "n", tmp_path / name, "run")


def test_settings_of_a_later_version_are_skipped() -> None:
    assert _sandbox.limits_from({"image": "x", "seconds": 3, "colour": "blue"}) == _sandbox.Limits("x", seconds=3)
