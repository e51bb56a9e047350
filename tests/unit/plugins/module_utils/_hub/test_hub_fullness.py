# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes that are nearly full: who is told, and what."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.quota import Dqblk, Quotas
from ansible_collections.labserver.jupyter.plugins.module_utils._common.exchange import ExchangeError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import fullness
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.fullness import Full, Person

GIB = 1 << 30
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOME = Mount("/home", "/dev/vdb", "ext4", frozenset({"rw"}))
PEOPLE = [Person("alice", 20001, "/home/jupyter-alice"), Person("bob", 20002, "/home/jupyter-bob")]


def disk(total: int, free: int, reserved: int = 0) -> os.statvfs_result:
    """Sizes in GiB; ``reserved`` of what is free is root's."""
    return os.statvfs_result((GIB, GIB, total, free, free - reserved, 100, 100, 100, 0, 255))


def quotas(used: dict[int, tuple[float, float]]) -> Quotas:
    """Used and limit in GiB by uid."""

    def call(_command: int, _device: str, uid: int, block: Dqblk) -> None:
        spent, limit = used.get(uid, (0, 0))
        block.curspace, block.bhardlimit = int(spent * GIB), int(limit * GIB) // 1024

    return Quotas("/dev/vdb", call=call)


def found(used: dict[int, tuple[float, float]], numbers: os.statvfs_result, mount: Mount = HOME) -> list[Full]:
    full = seen(used, numbers, mount)
    assert full.unknown == {}
    return full.full


def seen(used: dict[int, tuple[float, float]], numbers: os.statvfs_result, mount: Mount = HOME) -> fullness.Seen:
    return fullness.look(PEOPLE, [mount], lambda _folder: quotas(used), lambda _folder: numbers)


@pytest.mark.parametrize(("spent", "told"), [(8.9, False), (9.0, True), (10.0, True)])
def test_from_nine_tenths_of_the_quota_its_owner_is_told(spent: float, told: bool) -> None:
    full = found({20001: (spent, 10), 20002: (1, 10)}, disk(1000, 500))
    assert [one.name for one in full] == (["alice"] if told else [])


def test_a_full_disk_concerns_everybody_whose_home_it_holds() -> None:
    assert [(one.name, one.by_quota) for one in found({}, disk(100, 11))] == []
    assert [(one.name, one.by_quota) for one in found({}, disk(100, 10))] == [("alice", False), ("bob", False)]
    assert found({20001: (9.5, 10)}, disk(100, 1))[0].by_quota, "the nearer reason, which the person can mend alone"


def test_what_is_reserved_for_root_is_room_for_nobody() -> None:
    (full, _bob) = found({}, disk(100, 6, reserved=5))
    assert (full.used, full.limit) == (94 * GIB, 95 * GIB)


def test_homes_elsewhere_are_not_asked() -> None:
    def hang(_folder: str) -> os.statvfs_result:
        raise AssertionError("a server that is gone would not answer")

    mount = Mount("/home", "nas:/home", "nfs4", frozenset({"rw"}))
    assert fullness.look(PEOPLE, [mount], lambda _folder: Quotas(reason="none"), hang) == fullness.Seen([], {}, {})
    assert fullness.absent(PEOPLE, [mount], ["/home"], hang) == {}


def test_a_home_whose_disk_is_not_mounted_is_not_measured_on_the_disk_below() -> None:
    root = Mount("/", "/dev/vda", "ext4", frozenset({"rw"}))
    carla = Person("carla", 20003, "/homework/jupyter-carla")
    away = fullness.absent([*PEOPLE, carla], [root], ["/", "/home", "/homework/other"], lambda _folder: True)
    assert away == {"nothing is mounted at /home, which /etc/fstab names": PEOPLE}
    assert fullness.absent(PEOPLE, [root, HOME], ["/", "/home"], lambda _folder: True) == {}
    assert fullness.absent(PEOPLE, [root], ["/"], lambda folder: "bob" in folder) == {
        "there is no such folder": PEOPLE[:1]
    }


def test_a_disk_that_cannot_be_asked_is_named() -> None:
    def broken(_folder: str) -> os.statvfs_result:
        raise OSError(errno.EIO, "Input/output error")

    found = fullness.look(PEOPLE, [HOME], lambda _folder: quotas({}), broken)
    assert found.full == []
    many = found.unknown | {"elsewhere": [Person(f"p{number}", number, "/x") for number in range(7)]}
    assert fullness.warnings([], many) == [
        "/home cannot be asked: [Errno 5] Input/output error: not known how full the home is of alice, bob",
        "elsewhere: not known how full the home is of p0, p1, p2, p3, p4 and 2 more",
    ]


def test_without_a_roster_nobody_is_told_and_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match=r"roster\.json is not there"):
        fullness.attend(tmp_path, NOW)
    public = tmp_path / "etc/labserver/public"
    public.mkdir(parents=True)
    user = {"uid": 20001, "home": "/nowhere/jupyter-alice", "state": "present"}
    (public / "roster.json").write_text(json.dumps({"version": 1, "users": {"alice": user}}))
    assert fullness.attend(tmp_path, NOW) == ["there is no such folder: not known how full the home is of alice"]


def test_the_use_of_a_home_is_what_its_quota_counts() -> None:
    uses = seen({20001: (3, 10), 20002: (1, 0)}, disk(1000, 500)).uses
    assert uses == {"alice": fullness.Use(3 * GIB, 10 * GIB), "bob": fullness.Use(GIB, 0)}
    without = fullness.look(PEOPLE, [HOME], lambda _folder: Quotas(reason="none"), lambda _folder: disk(1000, 500))
    assert without.uses == {}


def test_announcements_name_their_people_and_end_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "etc/labserver/public").mkdir(parents=True)
    listed = fullness.announcements([*found({}, disk(100, 1)), Full("carla", 95, 100, True)], NOW)
    assert [(one["severity"], one["people"], one["until"]) for one in listed] == [
        ("danger", ["alice", "bob"], "2026-11-20T12:15:00+00:00"),
        ("warning", ["carla"], "2026-11-20T12:15:00+00:00"),
    ]
    fullness.tell(tmp_path, listed)
    assert json.loads((tmp_path / fullness.FILE).read_text())["announcements"] == listed
    fullness.tell(tmp_path, [], {"bob": fullness.Use(1, 0)})
    assert json.loads((tmp_path / fullness.FILE).read_text())["homes"] == {"bob": {"used": 1, "limit": 0}}
    fullness.tell(tmp_path, [])
    assert not (tmp_path / fullness.FILE).exists()
    fullness.tell(tmp_path, [])


def test_the_administrator_hears_of_quotas_with_the_fullest_first() -> None:
    full = [Full("bob", 91, 100, True), Full("alice", 120, 100, True), Full("carla", 99, 100, False)]
    assert fullness.warnings(full) == ["nearly at the quota of the home: alice (100%), bob (91%)"]
    assert fullness.warnings(full[2:]) == []
