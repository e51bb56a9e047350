# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host ends a change of the hub whose run is lost, and leaves that of a run that is at work alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock, lost_run, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import transaction, unattended
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.changing_host import NEW, OLD, Host

LONG = lost_run.ABANDONED_SECONDS + 1


def test_a_change_is_attended_before_anything_is_changed(tmp_path: Path) -> None:
    host = Host(tmp_path)
    seen = []
    host.world = transaction.World(
        host.engine, host.place, attend=lambda: seen.append(Configuration.read(host.place.folder))
    )
    host.begin()
    assert seen == [OLD]


def test_a_change_that_nothing_would_take_back_is_not_begun(tmp_path: Path) -> None:
    host = Host(tmp_path)

    def refuse() -> None:
        raise OSError("no systemd")

    host.world = transaction.World(host.engine, host.place, attend=refuse)
    with pytest.raises(OSError, match="no systemd"):
        host.begin()
    assert Configuration.read(host.place.folder) == OLD
    assert not host.place.record.exists()


def test_a_lost_change_is_taken_back(tmp_path: Path) -> None:
    host = Host(tmp_path, answers=lambda: False)
    host.begin()
    host.deploy()
    assert unattended.finish(host.world, 1) == "", "a run may still be at work"
    host.age(LONG)
    assert "was never finished and is taken back: put back labserver-hub" in unattended.finish(host.world, 1)
    assert Configuration.read(host.place.folder) == OLD
    assert host.place.record.exists(), "until the hub answers it is tried again"


def test_half_a_change_is_taken_back_though_the_hub_answers(tmp_path: Path) -> None:
    """The configuration is new, the hub the old one: its next start would find what it does not know."""
    host = Host(tmp_path)
    host.begin()
    host.deploy()
    host.age(LONG)
    assert "is taken back: put back labserver-hub" in unattended.finish(host.world, 1)
    assert Configuration.read(host.place.folder) == OLD
    assert not host.place.record.exists()


def test_a_change_that_went_well_is_kept(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    host.deploy_all()
    host.age(LONG)
    words = unattended.finish(host.world, 1)
    assert "it went well" in words
    assert Configuration.read(host.place.folder) == NEW
    assert not host.place.record.exists()
    assert unattended.finish(host.world, 1) == ""
    assert [unattended.tell(host.place), unattended.tell(host.place)] == [words, ""], "somebody is told, once"


def test_a_record_from_the_future_is_not_waited_for(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    host.age(-timedelta(days=700).total_seconds())
    assert unattended.abandoned(host.world)


def test_a_run_that_holds_the_lock_is_at_work(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    host.age(3600)
    with lock.hold(tmp_path, unattended.LOCK):
        assert unattended.finish(host.world, 1) == ""
    assert unattended.finish(host.world, 1)


def test_a_run_of_which_a_module_was_seen_is_at_work(tmp_path: Path) -> None:
    host = Host(tmp_path)
    run_lock.take(tmp_path, run_lock.Run("laptop", "anna", 1, ""), datetime.now(UTC))
    host.begin()
    host.age(3600)
    assert not unattended.abandoned(host.world)
    old = datetime.now(UTC).timestamp() - LONG
    os.utime(tmp_path / run_lock.FILE, (old, old))
    assert unattended.abandoned(host.world)


@pytest.mark.parametrize(("seconds", "abandoned"), [(5, False), (lost_run.ABANDONED_SECONDS + 5, True)])
def test_a_run_that_makes_containers_is_at_work(tmp_path: Path, seconds: float, abandoned: bool) -> None:
    host = Host(tmp_path)
    host.begin()
    host.deploy()
    host.age(3600)
    made = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds")
    host.engine.containers["labserver-hub"]["Created"] = made.replace("+00:00", "789Z")
    assert unattended.abandoned(host.world) is abandoned


def test_a_run_that_comes_back_too_late_is_told_and_can_go_back(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    record = transaction.read(host.place)
    assert record is not None
    assert unattended.lost(host.world, record.since) == ""
    host.age(LONG)
    assert unattended.finish(host.world, 1)
    assert "was ended by the host" in unattended.lost(host.world, record.since)
    assert unattended.lost(host.world, "") == "", "a run that changed nothing has nothing to lose"
    host.deploy()  # the run wakes up, and goes on where it was
    assert transaction.take_back(host.world, 1, record.since)[0] == ["labserver-hub"]
    assert transaction.take_back(host.world, 1, "of another run")[0] == []


def test_a_change_that_went_well_meanwhile_is_the_runs_own(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    record = transaction.read(host.place)
    assert record is not None
    host.deploy_all()
    host.age(LONG)
    unattended.finish(host.world, 1)
    assert unattended.lost(host.world, record.since) == ""
    assert transaction.take_back(host.world, 1, record.since)[0] == []


def test_the_unit_ends_with_the_change_and_repeats_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    rounds: list[float] = []
    get = host.engine.get

    def fail(path: str, **query: object) -> object:
        raise EngineError("no answer from the Docker engine")

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        host.age(LONG)
        if len(rounds) == 1:
            host.engine.get = fail
        if len(rounds) == 4:
            host.engine.get = get

    host.world = transaction.World(
        host.engine, host.place, sleep=sleep, is_healthy=lambda _url: True, is_answering=lambda _url: True
    )
    said: list[str] = []
    unattended.attend(host.world, said.append)
    assert said[0] == "no answer from the Docker engine"
    assert len(said) == 2
    assert "is taken back" in said[1]
    assert not host.place.record.exists()
