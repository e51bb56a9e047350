# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job beside the recorder: the disk, what people see, what is too old, and what is not well."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.quota import Quotas
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import job, settings
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import Key, Sum
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.recorder import Recorder, World, image_name
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.service import END, LOST, Service, Told
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.store import FILE, State, Store
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._usage.usage_lab import PARENT, Lab

WANTED = settings.Settings(400, PARENT)


class Counted(Quotas):
    """A file system that counts: 3 GiB for uid 20001, an error for others."""

    def usage(self, uid: int) -> tuple[int, int]:
        if uid != 20001:
            raise OSError(5, "no")
        return 3 << 30, 0


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    roster = tmp_path / "etc/labserver/public/roster.json"
    roster.parent.mkdir(parents=True)
    (tmp_path / "etc/labserver/hub").mkdir()
    one = {"home": "/home/jupyter-mira", "state": "present", "groups": ["xps", "leem"]}
    users = {
        "mira": {**one, "uid": 20001},
        "jonas": {**one, "uid": 20002},
        "gone": {**one, "state": "absent", "uid": 3},
    }
    roster.write_text(json.dumps({"version": 1, "users": users, "groups": {}}))
    return lab


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "HUB_GROUP", os.getgid())


def world(lab: Lab) -> World:
    return World(lab.root, cast(Any, lab), lambda: lab.now, lambda: lab.uptime)


def attend(lab: Lab, wanted: settings.Settings = WANTED) -> list[str]:
    lab.show()
    return job.attend(world(lab), wanted, lambda _folder: Counted("/dev/x"))


def shown(lab: Lab) -> dict[str, Any]:
    return dict(json.loads((lab.root / job.OWN).read_bytes()))


def test_without_the_service_the_job_counts_itself_and_says_so(lab: Lab) -> None:
    lab.start("mira", 2.0, 1 << 30, 1)
    for _round in range(13):
        found = attend(lab)
        lab.wait(300)
    assert found == ["labserver-usage-watch.service does not run, so memory is counted every few minutes only"]
    assert shown(lab)["people"]["mira"] == {
        "hours": 1.0, "cpu_hours": 2.0, "memory_gib_hours": 1.0, "gpu_hours": 1.0, "disk_bytes": 3 << 30
    }  # fmt: skip
    assert (lab.root / job.OWN).stat().st_mode & 0o777 == 0o640
    assert (lab.root / FILE).stat().st_mode & 0o777 == 0o600 and (
        lab.root / FILE
    ).parent.stat().st_mode & 0o777 == 0o700


def test_groups_are_those_of_the_roster(lab: Lab) -> None:
    lab.start("mira")
    attend(lab)
    (key,) = Store(lab.root / FILE).sums()
    assert (key.groups, key.image) == (("leem", "xps"), "notebook")


def test_beside_the_service_it_leaves_counting_alone(lab: Lab) -> None:
    lab.start("mira")
    with lock.hold(lab.root, "usage"):
        assert attend(lab) == []
        assert shown(lab)["people"] == {"mira": {**dict.fromkeys(
            ("hours", "cpu_hours", "memory_gib_hours", "gpu_hours"), 0.0), "disk_bytes": 3 << 30}}  # fmt: skip
        store = Store(lab.root / FILE)
        store.keep(State({}, lab.now - 600, blind=2), {})
        assert attend(lab) == [
            "nothing was recorded for 10 minutes",
            "of 2 servers only the hours are counted: their control groups are not found",
        ]


def test_an_engine_that_does_not_answer_is_told(lab: Lab) -> None:
    lab.engine_runs = False
    assert attend(lab)[1:] == ["nothing is recorded: no answer from the Docker engine"]


def test_months_that_are_too_old_are_deleted_from_the_file_too(lab: Lab) -> None:
    store = Store(lab.root / FILE)
    now = datetime(2026, 11, 20).timestamp()
    sums = {Key(month, "zacharias", (), "x"): Sum(1.0) for month in ("2025-09", "2025-10", "2026-11")}
    store.keep(State({}), sums)
    store.keep_disk("2025-09", {"zacharias": 5}, now, 3600)
    assert store.forget(now, 400) == ["2025-09"]
    assert [key.month for key in store.sums()] == ["2025-10", "2026-11"] and store.disks() == []
    assert store.forget(now, 1) == ["2025-10"]
    store.keep(State({}), {})
    store.connection.execute("DELETE FROM sums")
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    assert b"zacharias" not in (lab.root / FILE).read_bytes(), "what is deleted cannot be found in the file"


def test_a_database_of_a_later_release_is_not_touched(lab: Lab) -> None:
    Store(lab.root / FILE).close()
    with sqlite3.connect(lab.root / FILE) as database:
        database.execute("PRAGMA user_version=2")
    database.close()
    with pytest.raises(sqlite3.DatabaseError, match="version 2"):
        Store(lab.root / FILE)


def test_settings_that_are_damaged_say_where(tmp_path: Path) -> None:
    path = tmp_path / settings.FILE
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 1, "keep_days": "many"}')
    with pytest.raises(ValueError, match=r"usage-settings[.]json is damaged"):
        settings.load(tmp_path)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("127.0.0.1:5000/notebook@sha256:aa", "notebook"),
        ("registry.lab.example.org/team/steps:1.0", "team/steps"),
        ("notebook:1.0", "notebook"),
        ("team/steps", "team/steps"),
        ("localhost/x:1@sha256:aa", "x"),
    ],
)
def test_names_of_images(reference: str, name: str) -> None:
    assert image_name(reference) == name


def test_the_service_goes_on_when_a_disk_is_full_and_says_it_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is written later."""
    said: list[str] = []
    told: Told = Told()
    store = Store(lab.root / FILE)
    recorder = Recorder(world(lab), store, PARENT)
    service = Service(recorder, told, said.append)
    container = lab.start("mira")
    keep = store.keep
    monkeypatch.setattr(
        store, "keep", lambda *_arguments: (one for one in ()).throw(sqlite3.OperationalError("disk is full"))
    )
    lab.show()
    for event in (lab.events[0], LOST, LOST):
        told.put(event)
    told.put(END)
    service.serve(lambda: False)
    assert said == ["writing the record: OperationalError: disk is full"]
    monkeypatch.setattr(store, "keep", keep)
    lab.wait(100)
    lab.end(container)
    lab.show()
    told.put(lab.events[-1])
    told.put(END)
    service.serve(lambda: False)
    assert said[1:] == ["writing the record: works again"]
    (one,) = store.sums().values()
    assert (one.seconds, one.cpu, one.starts) == (pytest.approx(100), pytest.approx(100), 1)
