# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that people start, built and used on the engine of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
sys.path += [str(HERE.parent / "hub_process"), str(HERE.parent / "hub")]
import collection  # noqa: E402, F401
import hub_package  # noqa: E402

hub_package.make_importable()
import image_builds as builds  # noqa: E402
from running import Server  # noqa: E402


@pytest.fixture(scope="session")
def notebook_image() -> str:
    return builds.image("notebook")


@pytest.fixture(scope="session")
def scientific() -> str:
    return builds.image("scientific")


@pytest.fixture(scope="session")
def server(scientific: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A person's server with the scientific image."""
    with Server(scientific, "scientific", tmp_path_factory.mktemp("scientific") / "home") as running:
        yield running
