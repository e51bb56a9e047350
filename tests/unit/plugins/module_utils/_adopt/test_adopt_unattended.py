# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host gives itself back to the old hub when its takeover is lost, and leaves a run that is at work alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import clear, keep, takeover, unattended, unit
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.model import Choices
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock, lost_run, run_lock
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._adopt.taking_host import (
    NOW,
    Host,
    switched,
)
from paths import ROOT

LONG = lost_run.ABANDONED_SECONDS + 1


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(os, "chown", lambda *_words: None)
    return Host.make(tmp_path / "host")


def silent(host: Host, seconds: float) -> None:
    """Let the last sign of the run be so long ago."""
    for path in (host.root / keep.FOLDER / keep.RECORD, host.root / run_lock.FILE):
        if path.exists():
            os.utime(path, (NOW - seconds, NOW - seconds))


def test_a_takeover_whose_run_is_lost_is_taken_back(host: Host) -> None:
    before = host.touched()
    switched(host)
    jobs = [host.root / f"etc/labserver/jobs.d/{name}.json" for name in clear.JOBS]
    for path in (*jobs, host.root / "etc/labserver/services.d/hub.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    silent(host, LONG)
    host.commands.given.clear()
    words = unattended.finish(host.effects)
    assert "went back by itself at 2027-01-15T08:00:00Z" in words
    assert host.touched() == before
    assert not any(path.exists() for path in jobs)
    assert not (host.root / "etc/labserver/services.d/hub.json").exists()
    given = host.commands.given
    removed = given.index("/usr/local/sbin/labserver hub-network --remove")
    assert removed < given.index("systemctl start jupyterhub.service")
    assert unattended.finish(host.effects) == ""
    assert host.look().adopted == "back"
    assert host.look().ended and host.look().ended in words


def test_containers_of_the_lab_server_are_removed_and_no_others(host: Host) -> None:
    listed = {"label=org.labserver.room=hub": "a1 a2", "label=org.labserver.room=registry": "b1"}

    def run(argv: Sequence[str]) -> tuple[int, str]:
        status, said = host.commands(argv)
        return status, listed.get(argv[-1], said) if argv[:2] == ("docker", "ps") else said

    assert clear.clear(keep.Effects(host.root, run, lambda: NOW)) == ()
    assert [line for line in host.commands.given if line.startswith("docker rm")] == ["docker rm --force a1 a2 b1"]


def test_what_cannot_be_taken_away_keeps_nobody_from_the_old_hub(host: Host) -> None:
    switched(host)
    silent(host, LONG)
    host.commands.failing = "docker ps --all"
    assert "hub and registry could not be taken away" in unattended.finish(host.effects)
    assert "systemctl start jupyterhub.service" in host.commands.given
    assert host.look().adopted == "back"


def test_a_run_that_is_at_work_is_left_alone(host: Host) -> None:
    switched(host)
    silent(host, lost_run.ABANDONED_SECONDS - 1)
    assert unattended.finish(host.effects) == "", "its record was touched a moment ago"
    silent(host, LONG)
    run_lock.take(host.root, run_lock.Run("laptop", "anna", 1, ""), datetime.fromtimestamp(NOW - 5, UTC))
    assert not unattended.abandoned(host.effects), "a module was seen"
    silent(host, LONG)
    with lock.hold(host.root, keep.LOCK):
        assert unattended.finish(host.effects) == "", "a step holds the lock"
    silent(host, -3600)
    assert unattended.abandoned(host.effects), "a sign from the future is of a clock that was put back"


def test_a_step_shows_itself_by_its_environment() -> None:
    proc = Path("/proc")
    assert not unattended.at_work(proc)
    name, _equal, value = unattended.STEP.partition("=")
    with subprocess.Popen(["sleep", "60"], env={**os.environ, name: value}) as step:
        try:
            assert unattended.at_work(proc)
            assert 0 <= unattended._age_seconds(proc, step.pid) < 30
        finally:
            step.kill()
    assert not unattended.at_work(proc)


def test_a_step_that_hangs_for_long_is_no_sign(host: Host) -> None:
    folder = host.root / "proc/77"
    folder.mkdir()
    (folder / "environ").write_bytes(f"A=1\0{unattended.STEP}\0".encode())
    (host.root / "proc/uptime").write_text("5000.00 1.0\n")

    def began(seconds: float) -> None:
        ticks = int(seconds * os.sysconf("SC_CLK_TCK"))
        (folder / "stat").write_text(f"77 (a) b) S {' '.join(['0'] * 18)} {ticks} 0 0\n")

    began(5000 - unattended.STEP_SECONDS + 60)
    assert unattended.at_work(host.root / "proc")
    began(5000 - unattended.STEP_SECONDS - 60)
    assert not unattended.at_work(host.root / "proc")


def test_the_playbook_marks_all_of_its_steps() -> None:
    plays = yaml.safe_load((ROOT / "playbooks/adopt.yml").read_text())
    (play,) = [play for play in plays if play["name"] == "Take over"]
    assert [f"{name}={value}" for name, value in play["environment"].items()] == [unattended.STEP]


def test_the_jobs_are_those_of_the_roles() -> None:
    hub = yaml.safe_load((ROOT / "roles/hub/vars/main.yml").read_text())["__hub_jobs"]
    books = ("registry/tasks/schedule.yml", "shares/tasks/health.yml", "accounts/tasks/expiry.yml")
    tasks = [task for book in books for task in yaml.safe_load((ROOT / "roles" / book).read_text())]
    others = [job for task in tasks for job in task.get("vars", {}).get("schedule_jobs", [])]
    assert sorted(job["name"] for job in [*hub, *others]) == sorted(clear.JOBS)


def test_the_host_looks_after_it_before_the_old_hub_is_stopped(host: Host) -> None:
    switched(host)
    given = host.commands.given
    stopped = given.index("systemctl disable --now jupyterhub.service")
    assert given.index(f"systemctl enable --now {unit.NAME}") < stopped
    assert "ExecStart=/usr/local/sbin/labserver adopt-watch" in (host.root / unit.PATH).read_text()
    takeover.finish(host.effects)
    assert not (host.root / unit.PATH).exists()
    assert given[-2:] == [f"systemctl disable {unit.NAME}", "systemctl daemon-reload"]


def test_a_takeover_that_nothing_would_take_back_is_not_begun(host: Host) -> None:
    takeover.prepare(host.effects, host.look, Choices())
    host.commands.failing = f"enable --now {unit.NAME}"
    with pytest.raises(keep.AdoptError, match="it broke"):
        takeover.switch(host.effects, host.look, Choices())
    assert host.look().adopted == "kept"
    assert not any("jupyterhub" in line and "disable" in line for line in host.commands.given)


def test_a_run_that_comes_back_too_late_stops_and_leaves_nothing(host: Host) -> None:
    before = host.touched()
    switched(host)
    assert takeover.go_on(host.effects).state == "switched"
    silent(host, LONG)
    unattended.finish(host.effects)
    (host.root / "etc/fstab").write_text("of the role that was at work\n")
    with pytest.raises(keep.AdoptError, match=r"state back, not switched .*went back by itself"):
        takeover.go_on(host.effects)
    with pytest.raises(keep.AdoptError, match="went back by itself"):
        takeover.finish(host.effects)
    assert not takeover.back(host.effects).changed, "the word adopt_back alone undoes nothing of the days after"
    assert takeover.back(host.effects, again=True).changed
    assert host.touched() == before
    assert not takeover.back(host.effects, again=True).changed


def test_damaged_copies_are_not_brought_back(host: Host) -> None:
    switched(host)
    silent(host, LONG)
    (host.root / keep.FOLDER / "files/etc%shadow").write_text("damaged")
    shadow = (host.root / "etc/shadow").read_bytes()
    host.commands.given.clear()
    with pytest.raises(keep.AdoptError, match=r"/etc/shadow below .* are damaged or gone"):
        unattended.finish(host.effects)
    assert (host.root / "etc/shadow").read_bytes() == shadow
    assert host.commands.given == [], "nothing of the new hub was taken away"


def test_the_unit_tries_again_and_ends_with_the_takeover(host: Host) -> None:
    switched(host)
    silent(host, LONG)
    host.commands.failing = "start jupyterhub.service"
    slept: list[float] = []
    said: list[str] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            host.commands.failing = "nothing"

    unattended.attend(host.effects, said.append, sleep)
    assert [text.startswith("systemctl start jupyterhub.service failed") for text in said] == [True, False]
    assert slept == [lost_run.LOOK_SECONDS] * 3
    assert json.loads((host.root / keep.FOLDER / keep.RECORD).read_text())["state"] == "back"


def test_a_takeover_that_is_done_is_never_taken_back(host: Host) -> None:
    switched(host)
    takeover.finish(host.effects)
    silent(host, LONG)
    assert unattended.finish(host.effects) == ""
    assert host.look().adopted == "done"
