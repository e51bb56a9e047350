# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that stand for several roles, or for one whose name people need not know, are checked under their own name."""

from __future__ import annotations

from pathlib import Path

from test_yaml_inputs import validate

WRONG = """\
labserver_no_proxy: nas.example.org
labserver_updates:
  securty: true
  engine: sometimes
  reboot:
    weekday: sonntag
    window_hours: long
"""
PROBLEMS = (
    "labserver_no_proxy: 'nas.example.org' is not a list",
    "labserver_updates: unknown key 'securty'; did you mean security?",
    "labserver_updates.engine: 'sometimes' is not allowed; choose one of with_reboot, when_idle, never",
    "labserver_updates.reboot.weekday: 'sonntag' is not allowed",
    "labserver_updates.reboot: time is missing; it is required",
    "labserver_updates.reboot.window_hours: 'long' is not a whole number",
)


def lab(folder: Path, variables: str) -> tuple[int, str]:
    (folder / "hosts.yml").write_text("all: {hosts: {lab1: {}}}\n")
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text(variables)
    status, said = validate(folder)
    return status, " ".join(said.split())


def test_all_problems_are_said_at_once_each_with_its_line(tmp_path: Path) -> None:
    status, said = lab(tmp_path, WRONG)
    assert status != 0
    assert f"{len(PROBLEMS)} problems in the inputs of lab1; nothing was touched" in said
    for problem in PROBLEMS:
        assert problem in said, said
    assert "with_reboot, when_idle, never (" in said and "all.yml line 4)" in said


def test_rules_between_fields_speak_of_it_by_its_name_too(tmp_path: Path) -> None:
    status, said = lab(tmp_path, "labserver_updates: {engine: with_reboot, reboot: {weekday: sunday, time: 14:00}}\n")
    assert status != 0
    assert "labserver_updates.reboot.time: 840 is no time of the day" in said and "YAML makes a number of it" in said


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    text = 'labserver_updates: {reboot: {weekday: sunday, time: "04:00"}}\nlabserver_no_proxy: [nas.example.org]\n'
    status, said = lab(tmp_path, text)
    assert status == 0, said
