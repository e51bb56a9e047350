# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of systemd, and the mark that a restart is due."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import due
from ansible_collections.labserver.jupyter.plugins.module_utils._common.services import (
    Current,
    Desired,
    ServicesError,
    Step,
    World,
    apply,
    compare,
    read,
)

# As systemd 252 prints it.
SHOWN = """\
Id=docker.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=labserver-hub-network.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no

Id=certbot.timer
LoadState=masked
ActiveState=active
UnitFileState=masked
NeedDaemonReload=no
"""
RUNS = Current(known=True, running=True, boot=True)


def world(root: Path, status: int = 0, text: str = SHOWN) -> tuple[World, list[str]]:
    asked: list[str] = []

    def run(command: Sequence[str]) -> tuple[int, str]:
        asked.append(" ".join(command))
        return (0, "last words\n") if command[0] == "journalctl" else (status, text)

    return World(run, root), asked


def test_all_services_are_read_in_one_call(tmp_path: Path) -> None:
    host, asked = world(tmp_path)
    due.mark(tmp_path, "docker.service")
    found = read(host, ["docker.service", "labserver-hub-network.service", "certbot.timer"])
    assert found["docker.service"] == Current(known=True, running=True, boot=True, due=True)
    assert found["labserver-hub-network.service"] == Current()
    assert found["certbot.timer"] == Current(known=True, running=True, masked=True)
    assert len(asked) == 1


def plan(desired: Desired, now: Current) -> list[str]:
    return [step.what for step in compare([desired], {desired.name: now})]


@pytest.mark.parametrize(
    ("desired", "now", "steps"),
    [
        (Desired("a.service"), RUNS, []),
        (Desired("a.service"), Current(), ["daemon-reload", "enable", "start"]),
        (Desired("a.service"), Current(known=True, running=True, boot=True, due=True), ["restart"]),
        (Desired("a.service"), Current(known=True, boot=True, due=True), ["start"]),
        (Desired("a.service"), Current(known=True, running=True, boot=True, stale=True, due=True),
         ["daemon-reload", "restart"]),
        (Desired("a.service", running=False), Current(), []),
        (Desired("a.service", running=False), RUNS, ["disable", "stop"]),
        (Desired("a.timer", running=False, masked=True), Current(), ["mask"]),
        (Desired("a.timer", running=False, masked=True), Current(known=True, running=True, masked=True), ["stop"]),
        (Desired("a.timer", running=False, masked=True), Current(known=True, masked=True), []),
    ],
)  # fmt: skip
def test_what_is_done(desired: Desired, now: Current, steps: list[str]) -> None:
    assert plan(desired, now) == steps


def test_a_run_that_dies_before_the_restart_is_made_up_for(tmp_path: Path) -> None:
    host, _asked = world(tmp_path)
    due.mark(tmp_path, "docker.service")  # then the files are changed, and the run dies
    again = compare([Desired("docker.service")], read(host, ["docker.service"]))
    assert again == (Step("restart", "docker.service"),)
    apply(host, again)
    assert compare([Desired("docker.service")], read(host, ["docker.service"])) == ()
    assert (tmp_path / "run/labserver").stat().st_mode & 0o777 == 0o700


def test_a_service_that_does_not_start_stays_due_and_says_why(tmp_path: Path) -> None:
    host, _asked = world(tmp_path, 1, "Job failed")
    due.mark(tmp_path, "a.service")
    with pytest.raises(ServicesError, match=r"(?s)systemctl restart a.service failed: Job failed.*last words"):
        apply(host, (Step("restart", "a.service"),))
    assert due.marked(tmp_path, "a.service")


def test_what_was_started_often_is_started_nevertheless(tmp_path: Path) -> None:
    """systemd's own limit of starts in a short time was met by an engine that was restarted three times in a minute."""
    host, asked = world(tmp_path)
    apply(host, (Step("restart", "a.service"), Step("stop", "b.service")))
    assert asked == ["systemctl reset-failed a.service", "systemctl restart a.service", "systemctl stop b.service"]


def test_a_host_without_systemd_knows_no_service(tmp_path: Path) -> None:
    host, _asked = world(tmp_path, 127, "systemctl is not installed")
    assert read(host, ["a.service"]) == {"a.service": Current()}
