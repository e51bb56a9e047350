# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""labserver_updates: what is wrong with it is said at once, each with its place and what is allowed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.input import problems
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.policy import (
    Policy,
    Reboot,
    from_json,
    policy,
    to_json,
)


def said(wanted: Any) -> list[str]:
    return problems({"updates_policy": wanted})


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"security": True},
        {"engine": "when_idle"},
        {"security": False, "engine": "when_idle"},
        {"reboot": {"weekday": "daily", "time": "23:59", "window_hours": 12, "notice_hours": 168}},
        {"security": False, "engine": "never", "reboot": {"weekday": "sunday", "time": "00:00"}},
    ],
)
def test_what_is_right_is_taken(wanted: dict[str, Any]) -> None:
    assert said(wanted) == []


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"reboot": {"weekday": "sunday", "time": "24:00"}}, "labserver_updates.reboot.time: '24:00' is no time"),
        ({"reboot": {"weekday": "sunday", "time": "4:00"}}, "labserver_updates.reboot.time: '4:00' is no time"),
        (yaml.safe_load("reboot: {weekday: sunday, time: 14:00}"), "without quotes YAML makes a number of it"),
        ({"reboot": {"weekday": "sunday", "time": "04:00", "window_hours": 0}}, "window_hours: 0 is not a number of"),
        ({"reboot": {"weekday": "sunday", "time": "04:00", "window_hours": 13}}, "hours from 1 to 12"),
        ({"reboot": {"weekday": "sunday", "time": "04:00", "notice_hours": 169}}, "hours from 1 to 168"),
        ({"reboot": {"weekday": "sunday", "time": "04:00", "notice_hours": 0}}, "notice_hours: 0 is not"),
        ({"engine": "with_reboot"}, "labserver_updates.engine: is with_reboot, but"),
        ({"security": False}, "labserver_updates: neither installs updates of security nor restarts"),
    ],
)
def test_what_is_wrong_is_named(wanted: dict[str, Any], problem: str) -> None:
    (found,) = said(wanted)
    assert problem in found


def test_the_host_reads_what_the_role_wrote() -> None:
    wanted = policy({"reboot": {"weekday": "sunday", "time": "04:00", "notice_hours": "48"}})
    assert wanted == Policy(True, "with_reboot", Reboot("sunday", "04:00", 2, 48))
    assert from_json(to_json(wanted).encode()) == wanted
    assert policy({"security": True}) == Policy(True, "never", None)
    assert policy({}) is None


@pytest.mark.parametrize("content", [b"{", b"[]", json.dumps({"version": 2}).encode(), b'{"version": 1}'])
def test_a_damaged_file_is_refused_with_what_to_do(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"updates\.json.*run playbooks/site\.yml"):
        from_json(content)
