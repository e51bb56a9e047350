# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the hub is finished or taken back, whatever becomes of the run that began it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import transaction
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.change import Former
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.transaction import Place, World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import (
    container,
    engine_of,
    make_database,
    rows,
)

URL = "http://127.0.0.1:8000/"
OLD, NEW = Configuration("old", ("old = 1",)), Configuration("new", ("new = 1",))
NAMES = ("labserver-docker-guard", "labserver-hub-proxy", "labserver-hub")


class Host:
    """A host with a hub; ``answers`` says whether it does."""

    def __init__(self, folder: Path, answers: Callable[[], bool] = lambda: True) -> None:
        (folder / "data" / "state").mkdir(parents=True)
        place = Place(
            folder / "etc", folder / "data", folder / "hub-change.json", folder / "maintenance.json", -1, folder
        )
        OLD.write(place.folder)
        make_database(place.database, "v1", 3)
        self.place = place
        self.engine: Any = engine_of(*(container(name) for name in NAMES))
        self.world = World(
            self.engine, place, sleep=lambda _seconds: None, is_healthy=lambda _url: answers(),
            is_answering=lambda _url: answers(),
        )  # fmt: skip

    def begin(self, **changes: Any) -> Former:
        containers = {name: self.engine.containers.get(name) for name in NAMES}
        former = Former(containers, Configuration.read(self.place.folder), "", ())
        return transaction.begin(self.world, NEW, replace(former, **changes), URL)

    def deploy(self) -> None:
        """Put another hub in the place of the first one."""
        self.engine.containers["labserver-hub"] = container("labserver-hub", label="new", identity="another")

    def age(self, seconds: float) -> None:
        then = datetime.now(UTC).timestamp() - seconds
        os.utime(self.place.record, (then, then))


def test_a_change_that_goes_well_leaves_nothing_behind(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    assert json.loads(host.place.maintenance.read_text())["announcements"]
    assert host.place.record.stat().st_mode & 0o777 == 0o600
    host.deploy()
    assert transaction.verify(host.world, URL, 1).well
    assert not host.place.record.exists()
    assert not host.place.maintenance.exists()


def test_the_announcement_ends_when_nothing_was_replaced(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    transaction.verify(host.world, URL, 1)
    assert not host.place.maintenance.exists()


def test_a_run_that_died_in_the_change_is_taken_back_by_the_next(tmp_path: Path) -> None:
    """The run after it has the same inputs and finds everything as wanted, but for the hub, which does not answer."""
    host = Host(tmp_path, answers=lambda: host.engine.containers.get("labserver-hub", {}).get("Id") != "another")
    host.begin()
    host.deploy()  # and the run is killed
    again = host.begin()
    assert again.configuration == OLD, "the way back leads to the hub that worked"
    assert not transaction.verify(host.world, URL, 1).well
    restored, _words = transaction.take_back(host.world, 1)
    assert restored == ["labserver-hub"]
    assert Configuration.read(host.place.folder) == OLD


def test_the_host_finishes_what_nobody_comes_back_to(tmp_path: Path) -> None:
    host = Host(tmp_path, answers=lambda: False)
    host.begin()
    host.deploy()
    assert transaction.finish(host.world, 1) == "", "a run may still be at work"
    host.age(transaction.ABANDONED_SECONDS + 1)
    words = transaction.finish(host.world, 1)
    assert "was never finished and is taken back: put back labserver-hub" in words
    assert Configuration.read(host.place.folder) == OLD
    assert host.place.record.exists(), "until the hub answers it is tried again"


def test_the_host_closes_a_change_that_went_well(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    host.deploy()
    host.age(transaction.ABANDONED_SECONDS + 1)
    assert "it went well" in transaction.finish(host.world, 1)
    assert Configuration.read(host.place.folder) == NEW
    assert not host.place.record.exists()
    assert transaction.finish(host.world, 1) == ""


def test_a_record_from_the_future_is_not_waited_for(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    host.age(-timedelta(days=700).total_seconds())
    assert transaction.abandoned(host.world)


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path)
    original = files.replace

    def full(path: Path, content: bytes, *rest: Any, **more: Any) -> None:
        if content == b"new":
            raise OSError(28, "No space left on device")
        original(path, content, *rest, **more)

    monkeypatch.setattr(files, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        host.begin()
    assert Configuration.read(host.place.folder) == OLD
    assert not host.place.record.exists()
    assert not host.place.maintenance.exists()


def test_the_copy_of_the_database_is_that_of_the_first_try(tmp_path: Path) -> None:
    host = Host(tmp_path)
    first = host.begin()
    host.place.database.unlink()
    make_database(host.place.database, "v2", 9)
    assert host.begin().copy == first.copy
    assert rows(Path(first.copy)) == 3


def test_without_a_former_hub_nothing_is_put_back(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin(containers=dict.fromkeys(NAMES))
    assert transaction.take_back(host.world, 1) == ([], "there is no former hub to go back to")
    assert transaction.take_back(host.world, 1)[1].startswith("no change was begun")


def test_a_record_that_is_damaged_says_what_to_do(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.place.record.write_text("{}")
    with pytest.raises(ValueError, match="look whether the hub answers, then remove the file"):
        transaction.read(host.place)


def test_a_run_of_which_anything_works_keeps_its_change(tmp_path: Path) -> None:
    host = Host(tmp_path, lambda: False)
    run_lock.take(tmp_path, run_lock.Run("laptop", "anna", 1, ""), datetime.now(UTC))
    host.begin()
    host.age(3600)
    assert not transaction.abandoned(host.world), "the run pulls an image, perhaps; something of it was seen just now"
    assert transaction.finish(host.world, 1) == ""
    old = datetime.now(UTC).timestamp() - transaction.ABANDONED_SECONDS
    os.utime(tmp_path / run_lock.FILE, (old, old))
    assert "is taken back" in transaction.finish(host.world, 1) or not host.place.record.exists()


def test_a_run_that_comes_back_too_late_is_told(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.begin()
    record = transaction.read(host.place)
    assert record is not None
    assert transaction.lost(host.world, record.since) == ""
    host.age(transaction.ABANDONED_SECONDS)
    assert transaction.finish(host.world, 1)
    assert "was ended by the host (job hub-watch)" in transaction.lost(host.world, record.since)
    assert transaction.lost(host.world, "") == "", "a run that changed nothing has nothing to lose"
