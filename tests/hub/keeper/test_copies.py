# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the hub's database."""

from __future__ import annotations

import os
import sqlite3
import time
import types
from pathlib import Path
from typing import Any

import pytest
from labhub.keeper import copies
from labhub.keeper.keeper import Keeper
from samples import silent_board


def write(database: Path, value: int, when: float) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t(v)")
        connection.execute("INSERT INTO t VALUES(?)", (value,))
    os.utime(database, (when, when))


def values(database: Path) -> list[int]:
    with sqlite3.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT v FROM t ORDER BY v")]


def test_a_copy_is_made_when_something_changed(tmp_path: Path) -> None:
    database, folder = tmp_path / "hub.sqlite", tmp_path / "copies"
    write(database, 1, 1000.0)
    assert copies.make(database, folder) is not None
    assert copies.make(database, folder) is None
    write(database, 2, 2000.0)
    copy = copies.make(database, folder)
    assert copy is not None
    assert values(copy) == [1, 2]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    database, folder = tmp_path / "hub.sqlite", tmp_path / "copies"
    for number in range(8):
        write(database, number, 1000.0 * (number + 1))
        copies.make(database, folder)
    kept = sorted(folder.iterdir())
    assert len(kept) == copies.KEPT
    assert values(kept[-1]) == list(range(8))


def test_a_missing_database_comes_back_and_a_present_one_is_left_alone(tmp_path: Path) -> None:
    database, folder = tmp_path / "hub.sqlite", tmp_path / "copies"
    assert copies.restore(database, folder) is None
    write(database, 1, 1000.0)
    copies.make(database, folder)
    write(database, 2, 2000.0)
    assert copies.restore(database, folder) is None
    assert values(database) == [1, 2]
    database.unlink()
    assert copies.restore(database, folder) is not None
    assert values(database) == [1]


def test_a_clock_that_is_put_back_makes_no_old_copy_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, folder = tmp_path / "hub.sqlite", tmp_path / "copies"
    monkeypatch.setattr(time, "time", lambda: 9e9)
    write(database, 1, 9e9)
    copies.make(database, folder)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    for number in range(2, 10):
        write(database, number, 1e9 + number)
        assert copies.make(database, folder) is not None
    database.unlink()
    copies.restore(database, folder)
    assert values(database) == list(range(1, 10))


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    database, folder = tmp_path / "hub.sqlite", tmp_path / "copies"
    database.write_bytes(b"not a database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        copies.make(database, folder)
    assert list(folder.iterdir()) == []


async def test_a_full_disk_keeps_no_routes_from_being_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mended: list[int] = []

    async def check_routes(*_arguments: Any) -> None:
        mended.append(1)

    def full(*_arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(copies, "make", full)
    query = types.SimpleNamespace(all=list)
    app = types.SimpleNamespace(
        db=types.SimpleNamespace(query=lambda _what: query), db_url=f"sqlite:///{tmp_path}/hub.sqlite", users={},
        authenticator=types.SimpleNamespace(has_roster=lambda: False),
        proxy=types.SimpleNamespace(check_routes=check_routes), _service_map={},
    )  # fmt: skip
    sources: Any = types.SimpleNamespace(settings=types.SimpleNamespace(culling_enabled=False, box_image=""))
    keeper = Keeper(app, sources, silent_board())
    for _round in range(5):
        await keeper.round()
    assert mended == [1]
