# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of accounts share."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    FakeHost,
)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)
