# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""outlook.json: what the next maintenance of the registry would free, for the status."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import job, outlook
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from contract import Meets, Reader, check, reading, validate
from writers import put, what_pruning_frees

READERS = [Reader("_status", reading(rooms.pruning), Meets.REFUSES, nothing={})]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, what_pruning_frees(), outlook.PATH, "outlook")


def test_what_is_written_fits_the_schema_and_lies_where_it_is_looked_for() -> None:
    validate(what_pruning_frees(), outlook.PATH, "outlook")
    assert job.CACHE.with_name(Path(outlook.PATH).name) == Path("/") / outlook.PATH


def test_the_status_knows_it_by_repository(tmp_path: Path) -> None:
    put(tmp_path, what_pruning_frees())
    found = rooms.pruning(tmp_path)
    assert found["repositories"]["notebook"] == {
        "tags": 9, "bytes": 14 << 30, "remove_tags": 4, "remove_bytes": 5 << 30,
    }  # fmt: skip
    assert (found["free_bytes"], found["unknown_bytes"], found["refused"]) == (6 << 30, 1 << 30, "")
