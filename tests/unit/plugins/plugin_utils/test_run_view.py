# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says of itself: lines of servers and roles, and the summary at its end."""

from __future__ import annotations

import json

import pytest
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _run_view as core


def part(host: str, role: str, *steps: tuple[str, str] | core.Step, seconds: float = 1.0) -> core.Part:
    found = core.Part(host, role)
    for step in steps:
        found.add(step if isinstance(step, core.Step) else core.Step(host, role, *step, seconds=seconds))
    return found


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ("labserver.jupyter.hub : Deploy | Run the hub", "run the hub"),
        ("Look at the host, and stop", "look at the host, and stop"),
        ("Install | CIFS is installed", "CIFS is installed"),
        ("", ""),
    ],
)
def test_a_task_is_what_it_does(task: str, title: str) -> None:
    assert core.title(task) == title


def test_changes_are_told_in_words_once_and_what_is_quiet_in_one_line() -> None:
    hub = part(
        "atlas",
        "hub",
        core.Step("atlas", "hub", "Configure | Write files", "changed", actions=("write /etc/a", "make /srv/b")),
        ("Deploy | Run the hub", "changed"),
        ("Deploy | Run the proxy", "ok"),
    )
    quiet = [part(host, "docker", ("Install | Install the engine", "ok")) for host in ("boreas", "castor")]
    jobs = [part("atlas", "schedule", ("Jobs | Schedule the jobs", "changed")) for _number in range(2)]
    assert core.summary(["atlas", "boreas", "castor"], [hub, *quiet, *jobs]) == [
        "atlas:",
        "  changed hub: write /etc/a; make /srv/b; run the hub",
        "  changed schedule: schedule the jobs",
        "boreas, castor: nothing changed",
    ]
    assert core.summary(["atlas"], [hub], check=True)[1].startswith("  would change hub: ")
    assert core.summary(["boreas"], quiet[:1], check=True) == ["boreas: nothing would change"]


def test_many_changes_of_one_role_are_counted() -> None:
    step = core.Step("atlas", "hub", "Write", "changed", actions=tuple(f"write {number}" for number in range(9)))
    (_host, told) = core.summary(["atlas"], [part("atlas", "hub", step)])
    assert told.endswith("write 5; and 3 more")


def test_failures_come_with_their_reason_and_what_to_do() -> None:
    failed = part(
        "atlas",
        "hub",
        core.Step("atlas", "hub", "Deploy | Run the hub", "failed", said="it ended"),
        core.Step("atlas", "hub", "Rescue | Report why the change failed", "failed", said="The change failed\nthe log"),
    )
    away = part("boreas", "host", core.Step("boreas", "host", "Look | Look", "unreachable", said="no route\nto host"))
    assert core.summary(["atlas", "boreas"], [failed, away]) == [
        "atlas:",
        "  failed hub, report why the change failed: The change failed",
        "    the log",
        "boreas:",
        "  did not answer at host, look: no route to host",
        "To do: see why boreas did not answer, then run again with --limit boreas",
        "To do: mend what failed on atlas, then run again; what is done is not done twice",
    ]


def test_an_ignored_failure_is_none() -> None:
    assert core.summary(["atlas"], [part("atlas", "hub", ("Read", "ignored"))]) == ["atlas: nothing changed"]


def test_a_line_says_how_long_it_took_the_last_time() -> None:
    done = part("atlas", "hub", ("Run", "changed"), ("Run", "ok"), seconds=2.0)
    assert core.line(done, {"atlas/hub": 5.25}, 6) == "atlas   hub            1 changed       4.0 s   last time 5.2 s"
    assert core.line(done, {}, 5).endswith("4.0 s")
    step = core.Step("atlas", "images", "Build | Build the images", "ok")
    assert core.now(step, {"atlas/images": 106.2}) == "atlas images: build the images (106 s last time)"


def test_times_are_kept_for_roles_that_came_to_their_end() -> None:
    parts = [
        part("atlas", "hub", ("Run", "ok")),
        part("atlas", "hub", ("Run", "ok")),
        part("boreas", "hub", ("Run", "failed")),
    ]
    kept = core.load(core.dump({"boreas/hub": 7.0, "castor/hub": 3.0}, parts))
    assert kept == {"atlas/hub": 2.0, "boreas/hub": 7.0, "castor/hub": 3.0}


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"a": "x"})])
def test_damaged_times_are_no_reason_to_stop(text: str) -> None:
    assert core.load(text) == {}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"actions": [{"what": "write", "name": "/a"}, {"what": "reload", "name": ""}, "x"]}, ("write /a", "reload")),
        ({"actions": "x"}, ()),
        ({}, ()),
    ],
)  # fmt: skip
def test_what_a_module_says_that_it_did(result: dict[str, object], words: tuple[str, ...]) -> None:
    assert core.actions(result) == words
