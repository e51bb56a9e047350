# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of shares share."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_runs import INPUTS


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def inputs() -> dict[str, Any]:
    return copy.deepcopy(INPUTS)
