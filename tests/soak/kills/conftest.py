# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills at moments that a seed decides; `make soak-kill`, SEED=... to repeat one, ROUNDS=... for more of each."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

TESTS = ROOT / "tests"
sys.path[:0] = [str(TESTS / "registry"), str(TESTS / "backup")]
import collection  # noqa: E402, F401
from registry_server import RegistryServer  # noqa: E402

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
ROUNDS = int(os.environ.get("ROUNDS") or 10)


def pytest_report_header() -> str:
    """Say how to repeat this."""
    return f"kills: SEED={SEED} ROUNDS={ROUNDS}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test once for each of some numbers that come from the seed; one of them alone can be repeated."""
    if "chance" in metafunc.fixturenames:
        seeds = [f"{SEED}-{metafunc.function.__name__}-{number}" for number in range(ROUNDS)]
        metafunc.parametrize("chance", seeds, ids=[str(number) for number in range(ROUNDS)], indirect=True)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Return the chance of one test; the same for the same seed, whatever other tests run."""
    return random.Random(request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RegistryServer]:
    """Return a running registry with an empty store."""
    with RegistryServer(tmp_path) as running:
        yield running
