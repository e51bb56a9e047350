# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Compose apps share."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.world import World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._compose_app.compose_engine import (
    Engine,
)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def host(engine: Engine, tmp_path: Path) -> World:
    clock = iter(range(10_000))
    values = iter("abcdefgh")
    return World(
        run=engine,
        folder=tmp_path / "etc",
        data_folder=tmp_path / "srv",
        generate=lambda length: f"made-up-{next(values)}-{length}",
        now=lambda: float(next(clock)),
        sleep=lambda seconds: None,
        probe=lambda health: 200,
        stamp=lambda: "20261120T100000Z",
        chown=lambda path, uid, gid: None,
    )
