# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People at the hub of the scenario's host."""

from __future__ import annotations

import base64
import json
import os
import time
import typing as t
from collections.abc import Callable

import hub_host
import pytest
from hub_client import HubClient, Kernel
from paths import SCENARIOS
from role_run import run_playbook

OWN = hub_host.HubHost.own
NOTEBOOK = "notebook:latest"
REGISTRY = "127.0.0.1:5000"
BOOK = SCENARIOS / "hub" / "files" / "hub.yml"
ROSTER = "/etc/labserver/public/roster.json"
SINGLEUSER = "/opt/jupyter/bin/jupyterhub-singleuser"


class Lab(hub_host.HubHost):
    """The host and its hub, seen from outside."""

    def write(self, path: str, text: str) -> None:
        """Write a file on the host."""
        self.sh(f"echo {base64.b64encode(text.encode()).decode()} | base64 -d > {path}")

    def one_time(self) -> dict[str, str]:
        """Return the one-time passwords that were not used yet."""
        return hub_host.one_time_passwords(self.sh)

    def role(self, **variables: t.Any) -> tuple[int, str]:
        """Run the role with the images that are there and other variables; returns the exit status and what is said."""
        return run_playbook(BOOK, self.images() | variables)

    def images(self) -> dict[str, str]:
        """Return the inputs of the role with which the images that are there stay."""
        return {
            f"hub_{key}": self.sh(f"docker inspect --format '{{{{.Config.Image}}}}' {name}").strip()
            for key, name in (("image", "labserver-hub"), ("proxy_image", "labserver-hub-proxy"))
        }

    def without_server(self, name: str) -> HubClient:
        """Return a person who is logged in and has no server, whatever an earlier test left."""
        client = self.person(name)
        if client.server() is not None:
            client.stop()
        return client

    def edit_roster(self, change: Callable[[dict[str, t.Any]], t.Any]) -> None:
        """Change the roster as its writer does: a new file in place of the old one."""
        roster = json.loads(self.sh(f"cat {ROSTER}"))
        change(roster)
        self.write(f"{ROSTER}.new", json.dumps(roster))
        self.sh(f"mv {ROSTER}.new {ROSTER}")

    def until(self, what: str, check: Callable[[], bool], seconds: float) -> float:
        """Wait until a check holds; returns how long, fails after ``seconds``."""
        began = time.monotonic()
        while not check():
            assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s"
            time.sleep(0.3)
        return time.monotonic() - began

    def restart_hub(self, change: str = "true") -> None:
        """Stop the hub, run a command, start the hub again and wait until it answers."""
        self.sh(f"docker stop -t 5 labserver-hub >/dev/null; {change}; docker start labserver-hub >/dev/null")
        self.hub_answers()

    def hub_answers(self, seconds: float = 90) -> None:
        """Wait until the hub answers through its proxy."""

        def healthy() -> bool:
            try:
                return HubClient(self.base, "").get("/hub/health").status_code == 200
            except OSError:
                return False

        self.until("the hub answers", healthy, seconds)

    def running(self, name: str) -> bool:
        """Tell whether the container of a person runs."""
        return f"jupyter-{name}" in self.sh("docker ps --format '{{.Names}}'").split()


@pytest.fixture(scope="session")
def lab() -> Lab:
    import testinfra  # noqa: PLC0415

    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    named = testinfra.get_hosts(["all"], connection="ansible", ansible_inventory=inventory)[0]
    # Straight into the container: ten times as fast as through Ansible.
    return Lab(testinfra.get_host(f"docker://{named.backend.get_hostname()}"))


@pytest.fixture
def alice(lab: Lab) -> HubClient:
    lab.hub_answers()
    person = lab.person("alice")
    if person.server() is None:
        person.start(NOTEBOOK)
    person.wait_ready()
    return person


@pytest.fixture
def kernel(alice: HubClient) -> t.Iterator[Kernel]:
    kernel = alice.kernel()
    kernel.run("value = 41")
    yield kernel
    kernel.end()


@pytest.fixture(scope="session")
def pusher(lab: Lab) -> None:
    """Log the host's engine in to the registry as the one who may push."""
    lab.sh(f"docker login -u pusher --password-stdin {REGISTRY} < /etc/labserver/registry/secrets/pusher 2>/dev/null")


def push(lab: Lab, name: str, dockerfile: str, tag: str = "1") -> None:
    """Build an image on the notebook's and push it."""
    lab.sh(f"mkdir -p /tmp/{name}")
    lab.write(f"/tmp/{name}/Dockerfile", f"FROM {REGISTRY}/notebook:latest\n{dockerfile}\n")
    lab.sh(f"DOCKER_BUILDKIT=0 docker build -q -t {REGISTRY}/{name}:{tag} /tmp/{name} 2>/dev/null")
    lab.sh(f"docker push -q {REGISTRY}/{name}:{tag}")


def catalogue(lab: Lab) -> dict[str, dict[str, t.Any]]:
    """Return the catalogue's entries by repository:tag."""
    document = json.loads(lab.sh("cat /var/lib/labserver/catalogue/images.json"))
    return {f"{one['repository']}:{one['tag']}": one for one in document["images"]}


def script(*lines: str) -> str:
    """Return the Dockerfile's part that puts a script in the place of the notebook server; the real one is `real`."""
    echoes = "".join(f" && echo '{line}' >> {SINGLEUSER}" for line in ("#!/bin/sh", *lines))
    return f"USER 0\nRUN mv {SINGLEUSER} /opt/jupyter/bin/real{echoes} && chmod 755 {SINGLEUSER}\nUSER 65534"
