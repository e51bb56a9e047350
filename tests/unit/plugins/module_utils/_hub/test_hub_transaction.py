# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the hub is finished or taken back, whatever becomes of the run that began it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import transaction
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.changing_host import (
    NAMES,
    OLD,
    URL,
    Host,
)
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import make_database, rows


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
