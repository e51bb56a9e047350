# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real registries on loopback for the tests: Debian's docker-registry on a store in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
# Also for the programs that these tests start and that import this file first: pytest's own settings are not theirs.
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import collection  # noqa: E402, F401
from registry_server import RegistryServer  # noqa: E402


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RegistryServer]:
    """A running registry with an empty store."""
    with RegistryServer(tmp_path) as running:
        yield running
