# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab server on a kernel of its own, for `make soak-real`. The tests go one after the other, by file and line."""

from __future__ import annotations

from collections.abc import Iterator

import own_lab
import pytest


@pytest.fixture(scope="session", autouse=True)
def lab() -> Iterator[None]:
    """The administrator's folder; one that is there stays, so that single files of tests can be run again."""
    if not own_lab.INVENTORY.exists():
        own_lab.prepare()
    yield


@pytest.fixture(scope="session")
def site() -> None:
    """The server of a lab, also when the tests of the road do not run."""
    if "labserver-hub" not in own_lab.guest.run("docker ps", check=False).stdout:
        own_lab.play("site", "playbooks/site.yml")
