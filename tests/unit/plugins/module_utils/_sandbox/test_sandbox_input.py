# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that cannot work are refused; what a container is made with is checked without an engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._sandbox import run
from ansible_collections.labserver.jupyter.plugins.module_utils._sandbox.input import problems


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"sandbox_memory_bytes": 1024}, "sandbox_memory_bytes: 1024 is too little; give at least 16777216 bytes"),
        ({"sandbox_processes": 1}, "sandbox_processes: 1 is too little; give at least 8 processes"),
        ({"sandbox_time_seconds": 0}, "sandbox_time_seconds: 0 is too little; give at least 1 s"),
        ({"sandbox_cpus": 0.0}, "sandbox_cpus: 0.0 is not a share of a processor; give more than 0, for example 0.5"),
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
    limits = run.Limits("x")
    given = {"memory_bytes": limits.memory_bytes, "scratch_bytes": limits.scratch_bytes, "processes": limits.processes}
    assert problems({f"sandbox_{key}": value for key, value in given.items()} | {"sandbox_cpus": limits.cpus}) == []


@pytest.mark.parametrize("action", ["", "a b", "--help", "Run", "x" * 40, "run\n"])
def test_names_of_actions_cannot_become_options(action: str, tmp_path: Path) -> None:
    with pytest.raises(run.SandboxError, match="is not the name of an action"):
        run.create_command(run.Limits("x"), "n", tmp_path, action)


@pytest.mark.parametrize("name", ["a,readonly=false", 'a"b', "a\nb"])
def test_names_of_folders_cannot_become_mount_options(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(run.SandboxError, match="cannot be handed to the engine"):
        run.create_command(run.Limits("x"), "n", tmp_path / name, "run")


def test_settings_of_a_later_version_are_skipped() -> None:
    assert run.limits_from({"image": "x", "seconds": 3, "colour": "blue"}) == run.Limits("x", seconds=3)


DOCKER = """#!/bin/sh
echo "$*" >>"$LOG"
[ "$1" != start ] || exec sleep 60
"""
# Under nohup, SIGHUP is ignored, also by what is started from there.
PROGRAM = """
import signal
import sys
from pathlib import Path
from plugins.module_utils._sandbox import run
signal.signal(signal.SIGHUP, signal.SIG_DFL)
run.CONFIGURATION = Path(sys.argv[1])
sys.exit(run.main(["run", sys.argv[2]]))
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_whoever_ends_the_program_ends_the_container_too(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "sandbox.json").write_text(json.dumps({"image": "x", "seconds": 50}))
    log = tmp_path / "log"
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "LOG": str(log),
        "PYTHONPATH": str(Path(run.__file__).parents[3]),  # what has the folder plugins
    }
    arguments = [sys.executable, "-c", PROGRAM, str(tmp_path / "sandbox.json"), str(tmp_path)]
    process = subprocess.Popen(arguments, env=environment)
    deadline = time.monotonic() + 20
    while (not log.exists() or "start " not in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert log.read_text().splitlines()[-1].startswith("rm --force --volumes labserver-sandbox-")
