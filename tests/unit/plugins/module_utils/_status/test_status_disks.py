# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that fill up, by bytes and by numbers of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import mounts
from ansible_collections.labserver.jupyter.plugins.module_utils._status import disks, table

MOUNTS = mounts.parse(
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "2 1 8:2 / /srv/labserver rw - xfs /dev/sdb1 rw\n"
    "3 1 0:50 / /home rw - nfs4 nas:/home rw\n"
    "4 1 8:1 /srv /var/log rw - ext4 /dev/sda1 rw\n"
)


def numbers(free_gib: float, total_gib: float, files: float = 0.5, bits: int = 4096) -> os.statvfs_result:
    blocks = [int(gib * (1 << 30) / bits) for gib in (total_gib, free_gib)]
    return os.statvfs_result(
        (bits, bits, blocks[0], blocks[1], blocks[1], 1000, int(files * 1000), int(files * 1000), 0, 255)
    )


@pytest.mark.parametrize(
    ("free", "total", "files", "level", "words"),
    [
        (30, 50, 0.5, "ok", "30 GiB of 50 GiB free"),
        (4, 50, 0.5, "warning", "4.0 GiB of 50 GiB free"),
        (1, 50, 0.5, "critical", "1.0 GiB of 50 GiB free"),
        (300, 10000, 0.5, "ok", "300 GiB of 9.8 TiB free"),
        (30, 50, 0.08, "warning", "30 GiB of 50 GiB free, 8% of the inodes"),
        (30, 50, 0.0, "critical", "0% of the inodes"),
    ],
)
def test_how_full_a_disk_may_be(free: float, total: float, files: float, level: str, words: str) -> None:
    found = disks.health("/srv/labserver", numbers(free, total, files))
    assert (found.service.name, found.level) == ("disk_srv_labserver", level)
    assert words in found.message


def test_a_file_system_without_inodes_of_its_own_has_enough() -> None:
    counted = os.statvfs_result((4096, 4096, 1 << 24, 1 << 23, 1 << 23, 0, 0, 0, 0, 255))  # btrfs
    assert disks.health("/", counted).level == "ok"


def test_each_local_disk_is_asked_once_and_the_nas_never() -> None:
    asked: list[str] = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return numbers(30, 50)

    found = disks.look(MOUNTS, statvfs)
    assert asked == ["/", "/srv/labserver"]
    assert [disk.health.service.name for disk in found] == ["disk_root", "disk_srv_labserver"]
    rows = [{"disk": disk.target, "level": disk.health.level, "message": disk.health.message} for disk in found]
    assert "lab1  /               ok     30 GiB of 50 GiB free" in table.table({"lab1": {"disks": rows}})


def test_this_machine_has_a_root() -> None:
    assert [disk.target for disk in disks.of_host(Path("/"))][:1] == ["/"]
    assert disks.of_host(Path("/nowhere")) == []
