# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller knows its own runs."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.action import run_lock


def test_a_run_of_this_controller_is_known() -> None:
    mine = run_lock.this_run()
    assert mine["process"] == os.getppid()
    assert mine["began"]
    assert not run_lock.ended(mine)


def test_one_that_died_is_known_to_be_dead() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        other = {**run_lock.this_run(), "process": process.pid, "began": run_lock.began(process.pid)}
        assert not run_lock.ended(other)
        assert run_lock.ended({**other, "began": "Fri Nov 27 20:30:00 1970"}), "another process has its number now"
        process.kill()
    assert run_lock.ended(other)


def test_of_others_nothing_is_known() -> None:
    assert not run_lock.ended({"controller": "elsewhere (00)", "process": 1, "began": "never"})


def test_a_clock_that_was_set_makes_no_other_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ps`` says another second then, and a run that works would be taken for one that died."""
    monkeypatch.setenv("PATH", str(tmp_path))  # nor has every controller ps
    mine = run_lock.this_run()
    assert mine["began"]
    assert not run_lock.ended(mine)


def test_a_process_is_told_apart_by_boot_and_start(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("5c1f\n")
    (tmp_path / "proc/12").mkdir()
    (tmp_path / "proc/12/stat").write_text("12 (a) b) S " + " ".join(str(number) for number in range(4, 53)))
    assert run_lock.began(12, tmp_path) == "5c1f 22"
    assert run_lock.began(13, tmp_path) == ""


def test_a_machine_stays_the_same_in_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    before = run_lock.controller(tmp_path)
    monkeypatch.setattr(uuid, "getnode", lambda: 0x0200_0000_0001)
    assert run_lock.controller(tmp_path) == before
    assert "0123456789abcdef" not in before, "the id of a machine is for its own programs"
    (tmp_path / "etc/machine-id").unlink()
    assert run_lock.controller(tmp_path) != before


@pytest.mark.parametrize(
    ("options", "whole"),
    [
        ({"tags": ["all"], "skip_tags": []}, True),
        ({}, True),
        ({"tags": ["all"], "skip_tags": [""], "start_at_task": None, "step": False}, True),
        ({"tags": ["docker"]}, False),
        ({"tags": ["all", "never"]}, False),
        ({"skip_tags": ["docker"]}, False),
        ({"start_at_task": "Set up"}, False),
        ({"step": True}, False),
    ],
)
def test_a_run_that_leaves_tasks_out_is_none_of_the_whole(options: dict[str, object], whole: bool) -> None:
    assert run_lock.complete(options) is whole
