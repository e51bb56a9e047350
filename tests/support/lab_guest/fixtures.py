# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab server and its hub for pytest. Whatever a test did to NAS and cable is made good at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from machines import nas, network
from machines.places import NAS

from .hub import Hub, offer_image
from .server import GROUPS, PEOPLE, LabServer, inputs


@pytest.fixture(scope="session")
def guest() -> Iterator[LabServer]:
    """The lab server, whose Docker has an image to start."""
    offer_image(list(PEOPLE))
    yield LabServer()
    network.cable(True)
    if not network.answers(NAS[1], 445):
        nas.stop()
        nas.start()
    if not network.answers(NAS[1], 2049):
        nas.nfs_stop()
        nas.nfs_start()


@pytest.fixture(scope="session")
def hub(guest: LabServer) -> Hub:
    """The lab's hub, for three people of three groups."""
    hub = Hub()
    hub.start(PEOPLE, GROUPS)
    return hub


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """The variables of the scenario ``shares``."""
    return inputs()
