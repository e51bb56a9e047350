# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two servers of the lab."""

from __future__ import annotations

import os
import typing as t

import pytest
import testinfra

ID = os.environ["LABSERVER_ID"]
ATLAS, BOREAS = f"labserver-atlas{ID}", f"labserver-boreas{ID}"


@pytest.fixture(scope="module")
def atlas() -> t.Any:
    """The server with the hub."""
    return testinfra.get_host(f"docker://{ATLAS}")


@pytest.fixture(scope="module")
def boreas() -> t.Any:
    """The server with the registry."""
    return testinfra.get_host(f"docker://{BOREAS}")
