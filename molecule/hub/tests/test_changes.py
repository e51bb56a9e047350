# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role is run while people work: they keep their servers when the change is good, and their hub when it is not."""

from __future__ import annotations

import os
import signal
import typing as t
from pathlib import Path

import pytest
from conftest import BOOK
from hub_client import HubClient
from long_tests import long
from role_run import start_playbook

CONTAINERS = ("labserver-docker-guard", "labserver-hub-proxy", "labserver-hub")


def state(lab: t.Any) -> dict[str, str]:
    """Return what a change that failed must leave as it was."""
    found = {
        name: lab.sh(f"docker inspect --format '{{{{.Config.Image}}}} {{{{json .Config.Labels}}}}' {name}")
        for name in CONTAINERS
    }
    # Not what people used, and not the page of the status: jobs write them every few minutes.
    files = "ls -d *.json *.rules config.d/* 2>/dev/null | grep -vx -e usage.json -e status.json | xargs sha256sum"
    found["files"] = lab.sh(f"cd /etc/labserver/hub && {files}")
    return found


def left_of_canary(lab: t.Any) -> str:
    """Return what a canary has left on the host: containers, network, files."""
    look = "docker ps -aq --filter name=labserver-hub-canary; docker network ls -q --filter name=labserver-hub-canary"
    return str(lab.sh(f"{look}; ls /var/lib/labserver/hub-canary 2>/dev/null; true"))


@pytest.fixture
def broken_hub(lab: t.Any) -> str:
    """Return an image whose configuration loads, and whose hub ends right after its start."""
    image = lab.sh("docker inspect --format '{{.Config.Image}}' labserver-hub").strip()
    lab.sh("mkdir -p /tmp/broken-hub")
    broken = "sed -i 's/LabHub.launch_instance.*/sys.exit(\"broken on purpose\")/' /opt/labhub/labhub/app.py"
    lab.write("/tmp/broken-hub/Dockerfile", f"FROM {image}\nUSER 0\nRUN {broken}\nUSER 64100:64100\n")
    lab.sh("DOCKER_BUILDKIT=0 docker build -q -t broken-hub /tmp/broken-hub 2>/dev/null")
    return "broken-hub"


def test_a_change_that_fails_in_the_middle_leaves_the_former_hub(lab: t.Any, alice: HubClient, kernel: t.Any) -> None:
    before = state(lab)
    # Changes the guard, which comes first, and then finds no proxy.
    status, said = lab.role(hub_proxy_image="no-such-image:1", hub_log_level="DEBUG", hub_canary_enabled=False)
    assert status != 0
    assert "no-such-image" in said
    assert "1 of 1 servers kept, the hub answers" in said
    assert state(lab) == before
    assert kernel.run("print(value + 1)").strip() == "42"
    assert lab.person("alice").server() is not None


@long("soak-long")
def test_a_hub_that_does_not_start_is_taken_back(lab: t.Any, alice: HubClient, kernel: t.Any, broken_hub: str) -> None:
    before = state(lab)
    status, said = lab.role(hub_image=broken_hub, hub_canary_enabled=False)
    assert status != 0
    assert "the hub does not answer" in said
    assert "broken on purpose" in said, "the last words of the hub that failed"
    assert "1 of 1 servers kept, the hub answers" in said
    assert state(lab) == before
    assert kernel.run("print(value + 1)").strip() == "42"
    maintenance = "/etc/labserver/public/maintenance.json"
    assert lab.sh(f"ls {maintenance} 2>/dev/null; true") == "", "nothing is announced any more"


def test_a_hub_that_fails_its_canary_is_never_seen(
    lab: t.Any, alice: HubClient, kernel: t.Any, broken_hub: str
) -> None:
    before, started = state(lab), lab.sh("docker inspect --format '{{.Id}}{{.State.StartedAt}}' labserver-hub")
    status, said = lab.role(hub_image=broken_hub)
    assert status != 0
    assert "The new hub failed its canary, so nothing was changed and nobody saw it: the container" in said
    assert "broken on purpose" in said, "the last words of the hub that failed"
    assert state(lab) == before
    assert lab.sh("docker inspect --format '{{.Id}}{{.State.StartedAt}}' labserver-hub") == started
    assert lab.sh("ls /var/lib/labserver/hub-change.json 2>/dev/null; true") == "", "no change was begun"
    assert left_of_canary(lab) == ""
    assert kernel.run("print(value + 1)").strip() == "42"


DIE = """
import sys
sys.path.insert(0, "/usr/local/sbin/labserver")
from labserver_core._common.docker_api import DockerEngine
from labserver_core._hub import change, servers, transaction
from labserver_core._hub.configuration import Configuration
world = transaction.World(DockerEngine())
installed = Configuration.read(world.place.folder)
containers = {name: servers.inspect(world.engine, name) for name in NAMES}
former = change.Former(containers, installed, "", tuple(servers.running(world.engine)))
transaction.begin(world, Configuration(installed.settings, (*installed.snippets, "# new")), former, BASE)
body = change.body_of(containers["labserver-hub"])
body["Image"] = "broken-hub"
world.engine.request("DELETE", "/containers/labserver-hub", query={"force": "1"})
world.engine.request("POST", "/containers/create", body, {"name": "labserver-hub"})
world.engine.request("POST", "/containers/labserver-hub/start")
"""


@pytest.fixture
def died(lab: t.Any, broken_hub: str) -> dict[str, str]:
    """A run was killed after it had put a hub in place that does not start; returns how it was before."""
    before = state(lab)
    base = "http://127.0.0.1:8000/"
    lab.write("/tmp/die.py", DIE.replace("NAMES", repr(CONTAINERS)).replace("BASE", repr(base)))
    lab.sh("python3 /tmp/die.py")
    # What would take it back on the host died too, for instance with a boot.
    lab.sh("systemctl stop 'labserver-hub-change-*'")
    return before


@long("soak-long")
def test_the_run_after_one_that_died_goes_back(
    lab: t.Any, alice: HubClient, kernel: t.Any, died: dict[str, str]
) -> None:
    """It has the same inputs, and its canary fails: then the hub that does not start may not stay either."""
    status, said = lab.role()
    assert status != 0
    assert "The new hub failed its canary" in said
    assert (
        "an earlier run had begun is taken back: put back labserver-hub; 1 of 1 servers kept, the hub answers" in said
    )
    assert state(lab) == died
    assert lab.sh("ls /var/lib/labserver/hub-change.json 2>/dev/null; true") == ""
    assert kernel.run("print(value + 1)").strip() == "42"


@long("soak-long")
def test_the_host_goes_back_by_itself(
    lab: t.Any, alice: HubClient, kernel: t.Any, broken_hub: str, tmp_path: Path
) -> None:
    """The controller is lost in the middle: the guard is another one, the hub is still the old one."""
    before, guard = state(lab), "docker inspect --format '{{.Config.Image}}' labserver-docker-guard || true"
    run = start_playbook(BOOK, lab.images() | {"hub_image": broken_hub, "hub_canary_enabled": False}, tmp_path / "log")
    try:
        lab.until("the guard is replaced", lambda: "broken-hub" in lab.sh(guard), 150)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert state(lab) != before
    record = "ls /var/lib/labserver/hub-change.json 2>/dev/null; true"
    took = lab.until("the former hub is back", lambda: lab.sh(record) == "" and state(lab) == before, 120)
    print(f"back {took:.0f} s after the run was killed")
    assert kernel.run("print(value + 1)").strip() == "42"
    lab.hub_answers()
    done = lab.host.run("labserver hub-watch")
    assert done.rc == 1, done
    assert "was never finished and is taken back: put back labserver-docker-guard" in done.stdout
    assert "never finished" not in lab.host.run("labserver hub-watch").stdout, "once is enough"


@long("soak-long")
def test_a_hub_that_is_down_makes_the_run_red(lab: t.Any) -> None:
    images = {"hub_image": lab.sh("docker inspect --format '{{.Config.Image}}' labserver-hub").strip()}
    lab.sh("pkill --signal STOP -f 'labhub[.]app'")
    try:
        status, said = lab.role(**images)
    finally:
        lab.sh("pkill --signal CONT -f 'labhub[.]app'")
    lab.hub_answers()
    assert status != 0
    assert "nothing was changed, but the hub does not answer at http://127.0.0.1:8000/" in said


def test_a_change_that_is_good_keeps_servers_and_says_so(lab: t.Any, alice: HubClient, kernel: t.Any) -> None:
    status, said = lab.role(hub_log_level="DEBUG")
    assert status == 0, said
    assert "1 of 1 servers kept, the hub answers" in said
    assert kernel.run("print(value + 1)").strip() == "42"
    lab.person("alice").wait_ready()


def test_a_network_in_which_people_work_is_not_replaced(lab: t.Any, alice: HubClient, kernel: t.Any) -> None:
    before = state(lab)
    addresses = {"hub_address": "172.27.224.2", "hub_proxy_address": "172.27.224.3"}
    status, said = lab.role(hub_subnet="172.27.224.0/20", hub_people_range="172.27.232.0/21", **addresses)
    assert status != 0
    assert "its subnet is 172.27.240.0/20, wanted is 172.27.224.0/20" in said
    assert "cuts off the servers that run: alice" in said
    assert state(lab) == before
    assert kernel.run("print(value + 1)").strip() == "42"
