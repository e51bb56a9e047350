# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hub, guard, proxy and configuration are exchanged for others while kernels count, and what they say arrives."""

from __future__ import annotations

import os
import re
import time
import typing as t

import pytest
from conftest import NOTEBOOK
from counting import Counter
from long_tests import long
from paths import ROOT
from role_run import run_playbook

KERNELS = int(os.environ.get("LABSERVER_KERNELS", "4"))
EACH = 4
"""Kernels of one person; a server of this scenario has 512 MiB."""


def rebuilt(lab: t.Any, container: str, name: str) -> str:
    """Return an image that is another one than that of the container, and does the same."""
    name = f"{name}:{time.time_ns()}"
    image = lab.sh(f"docker inspect --format '{{{{.Config.Image}}}}' {container}").strip()
    lab.sh("mkdir -p /tmp/another")
    lab.write("/tmp/another/Dockerfile", f"FROM {image}\nLABEL again={name}\n")
    lab.sh(f"DOCKER_BUILDKIT=0 docker build -q -t {name} /tmp/another 2>/dev/null")
    return name


@pytest.fixture
def counters(lab: t.Any) -> t.Iterator[list[Counter]]:
    lab.hub_answers()
    people = [lab.person(f"student{number}") for number in range(1, 1 + -(-KERNELS // EACH))]
    for person in people:
        if person.server() is None:
            person.start(NOTEBOOK)
    for person in people:
        person.wait_ready(180)
    yield [Counter(people[number // EACH]) for number in range(KERNELS)]
    for person in people:
        person.stop()


def plan(lab: t.Any) -> None:
    """The plan of an upgrade tells what there is, and changes nothing."""
    before = lab.sh("docker ps -q --no-trunc | sort")
    # Of other roles' inputs the one that has no default.
    status, said = run_playbook(ROOT / "playbooks" / "upgrade.yml", {"certificates_ca_keeper": "all"}, ["--check"])
    assert status == 0, said
    assert "changed=0" in said
    installed = lab.sh("docker exec labserver-hub python -c 'import jupyterhub; print(jupyterhub.__version__)'").strip()
    assert f"jupyterhub {installed} stays" in said
    assert "node 24" in said
    assert re.search(r"running servers: .*student1", said)
    assert f"notebook:latest of {time.strftime('%Y-')}" in said
    assert lab.sh("docker ps -q --no-trunc | sort") == before


@long("soak-long")
def test_kernels_are_heard_while_everything_is_exchanged(lab: t.Any, counters: list[Counter]) -> None:
    plan(lab)
    images = {
        "hub_image": rebuilt(lab, "labserver-hub", "another-hub"),
        "hub_proxy_image": rebuilt(lab, "labserver-hub-proxy", "another-proxy"),
    }
    began = [len(counter.text.split()) for counter in counters]
    status, said = lab.role(**images, hub_culling_warning_seconds=899)
    assert status == 0, said
    assert "The canary of the new hub is well: a person logged in and started a server" in said
    assert re.search(r"(\d+) of \1 servers kept, the hub answers", said), said
    for name, key in (("hub", "hub_image"), ("hub-proxy", "hub_proxy_image"), ("docker-guard", "hub_image")):
        assert lab.sh(f"docker inspect --format '{{{{.Config.Image}}}}' labserver-{name}").strip() == images[key]
    everywhere = "docker ps -aq --filter name=labserver-hub-canary; ls /var/lib/labserver/hub-canary 2>/dev/null; true"
    assert lab.sh(everywhere) == "", "nothing of the canary is left"
    all_lost = 0
    for counter, before in zip(counters, began, strict=True):
        numbers = counter.end()
        lost = sorted(set(range(numbers[-1] + 1)) - set(numbers))
        assert numbers == sorted(set(numbers)), "each number once, in its order"
        # The proxy passes on what it has before it ends (drain.js). A server that notices the end just while a kernel
        # says something drops that.
        assert len(lost) <= 1, lost
        all_lost += len(lost)
        assert len(numbers) > before + 20, "it went on"
        assert counter.connections > 1, "the exchange of the proxy ends connections"
    pauses = sorted(counter.longest_pause for counter in counters)
    numbers = sum(len(counter.text.split()) for counter in counters)
    print(f"{KERNELS} kernels, {numbers} numbers, {all_lost} lost; longest pause {pauses[-1]:.1f} s")
