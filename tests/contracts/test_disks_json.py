# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""disks.json: how the disks fill up, recorded by the job services and read by the status and the doctor."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor import read_host
from ansible_collections.labserver.jupyter.plugins.module_utils._status import recorded, trend
from contract import Meets, Reader, check, reading, validate
from writers import disks_that_fill, put

PATH = recorded.DISKS.path


def _doctor(root: Path) -> dict[str, float]:
    path = root / PATH
    return read_host.days_left(path.read_text(encoding="utf-8") if path.exists() else "")


READERS = [
    Reader("_status", reading(lambda root: recorded.read(root, recorded.DISKS)), missing=Meets.LEAVES_OUT),
    Reader("_doctor", reading(_doctor), Meets.LEAVES_OUT, nothing={}),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, disks_that_fill(), PATH, "disks")


def test_what_is_written_fits_the_schema() -> None:
    validate(disks_that_fill(), PATH, "disks")


def test_both_know_the_day_on_which_a_disk_is_full(tmp_path: Path) -> None:
    put(tmp_path, disks_that_fill())
    points = recorded.points(tmp_path, recorded.DISKS)
    assert _doctor(tmp_path) == {"/": 10.0}
    assert trend.forecast(points["/"], points["/"][-1][0]) == trend.Forecast(10.0, 10)
    assert trend.forecast(points["/home"], points["/home"][-1][0]) is None
