# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""runs.json: what the last backups held and added, from the job backup to its next run and the status."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import history
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from contract import Meets, Reader, check, reading, validate
from writers import backups, put

PATH = history.PATH.lstrip("/")
NOW = datetime(2026, 11, 4, 5, 10, tzinfo=UTC)
GIB = 1 << 30
ONE = history.Run("2026-11-09T03:10:00Z", "9" * 8, True, 1, 2, 3)


def _next(root: Path) -> list[dict[str, Any]]:
    """Return what stands in the file after another backup."""
    (root / PATH).parent.mkdir(parents=True, exist_ok=True)
    before = (root / PATH).read_bytes() if (root / PATH).exists() else None
    try:
        history.add(root, ONE, 48.0)
        return list(history.read(root)["runs"])
    finally:
        (root / PATH).unlink()
        if before is not None:
            (root / PATH).write_bytes(before)


READERS = [
    Reader("_backup", reading(_next), Meets.LEAVES_OUT, nothing=[asdict(ONE)]),
    Reader("_status", reading(lambda root: rooms.backup(root, NOW)), nothing={}),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, backups(), PATH, "runs")


def test_what_is_written_fits_the_schema() -> None:
    validate(backups(), PATH, "runs")


def test_the_status_knows_age_size_and_growth(tmp_path: Path) -> None:
    put(tmp_path, backups())
    found = rooms.backup(tmp_path, NOW)
    assert (found["complete"], found["age_hours"], found["max_age_hours"]) == ("2026-11-03T03:10:00Z", 26.0, 48.0)
    assert (found["bytes"], found["files"], found["added_bytes"], found["added_runs"]) == (3 * GIB, 30, 10 << 20, 4)
    assert (found["last"]["at"], found["last"]["complete"]) == ("2026-11-04T03:10:00Z", False)
    assert [size for _at, size in found["history"]] == [GIB, 2 * GIB, 3 * GIB]
    assert rooms.backup(tmp_path, datetime(2026, 12, 2, 4, 0, tzinfo=UTC))["added_runs"] == 2


def test_sixty_backups_are_kept(tmp_path: Path) -> None:
    put(tmp_path, backups())
    for _number in range(70):
        history.add(tmp_path, ONE, 24.0)
    kept = history.read(tmp_path)
    assert kept["runs"] == [asdict(ONE)] * history.KEPT and kept["max_age_hours"] == 24.0
