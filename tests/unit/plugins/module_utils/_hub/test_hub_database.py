# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the hub's database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import database
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import make_database, rows


def test_the_database_is_copied_while_it_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    assert database.keep(path, tmp_path / "snapshots", "1") is None
    make_database(path, "v1", 3)
    with sqlite3.connect(path) as writer:
        writer.execute("BEGIN IMMEDIATE")
        copy = database.keep(path, tmp_path / "snapshots", "1")
    assert copy is not None
    assert rows(copy) == 3
    assert copy.stat().st_mode & 0o777 == 0o600
    for number in range(2, 20):
        database.keep(path, tmp_path / "snapshots", f"{number:02d}")
    assert len(list((tmp_path / "snapshots").iterdir())) == database.COPIES_KEPT


def test_a_database_that_cannot_be_copied_is_named_and_leaves_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "jupyterhub.sqlite"
    path.write_bytes(b"not a database, but as long as the header of one" * 9)
    with pytest.raises(OSError, match=r"jupyterhub\.sqlite cannot be copied.*not a database"):
        database.keep(path, tmp_path / "snapshots", "20261127T220000Z")
    assert list((tmp_path / "snapshots").iterdir()) == []
