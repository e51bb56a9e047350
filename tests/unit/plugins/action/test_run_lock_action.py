# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller knows its own runs."""

from __future__ import annotations

import os
import subprocess

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
