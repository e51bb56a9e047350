# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two hosts of the scenario."""

from __future__ import annotations

import os
import typing as t

import pytest
import testinfra

ID = os.environ["LABSERVER_ID"]
REGISTRY, SECOND = f"labserver-registry{ID}", f"labserver-second{ID}"


@pytest.fixture(scope="module")
def host() -> t.Any:
    """The host of the registry; all tests but those of the second host are about it."""
    return testinfra.get_host(f"docker://{REGISTRY}")
