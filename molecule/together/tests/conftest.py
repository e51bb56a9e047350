# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host on which people work together, seen from outside."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import hub_host
import pytest

OWN = hub_host.HubHost.own
ROOM = "room-physics"
CATALOGUE = "/var/lib/labserver/catalogue/images.json"


class Lab(hub_host.HubHost):
    """The host and its hub."""

    def refused(self, command: str) -> bool:
        """Tell whether a command fails."""
        return bool(self.host.run("sh -c %s", command).rc != 0)

    def password(self, name: str) -> str:
        """Return the one-time password of somebody who has not used it, else the own one."""
        return hub_host.one_time_passwords(self.sh).get(name, OWN)

    def running(self, name: str) -> bool:
        """Tell whether the container of a person or room runs."""
        return f"jupyter-{name}" in self.sh("docker ps --format '{{.Names}}'").split()

    def until(self, what: str, check: Callable[[], bool], seconds: float) -> None:
        """Wait until a check holds; fails after ``seconds``."""
        began = time.monotonic()
        while not check():
            assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s"
            time.sleep(0.5)

    def image_is_ready(self) -> bool:
        """Tell whether the rooms' image can be started."""
        images = json.loads(self.sh(f"cat {CATALOGUE}"))["images"]
        return any(one["repository"] == "notebook" and one["state"] == "ready" for one in images)


@pytest.fixture(scope="session")
def lab() -> Lab:
    import testinfra  # noqa: PLC0415

    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    named = testinfra.get_hosts(["all"], connection="ansible", ansible_inventory=inventory)[0]
    # Straight into the container: ten times as fast as through Ansible.
    lab = Lab(testinfra.get_host(f"docker://{named.backend.get_hostname()}"))
    lab.until("the image", lab.image_is_ready, 120)
    return lab


@pytest.fixture
def room(lab: Lab) -> str:
    """Return the name of the room's container, which runs."""
    if not lab.running(ROOM):
        lab.person("mira").get(f"/hub/spawn/{ROOM}", allow_redirects=False)
    lab.until("the room", lambda: lab.running(ROOM), 180)
    return f"jupyter-{ROOM}"
