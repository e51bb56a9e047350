# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hub, proxy, registry, engine and stores being killed, replaced or lost while people work."""

from __future__ import annotations

import concurrent.futures
import json
import os
import time
import typing as t
from pathlib import Path

from conftest import NOTEBOOK, OWN
from hub_client import HubClient
from long_tests import long


def test_people_go_on_while_the_hub_is_replaced(lab: t.Any) -> None:
    alice = lab.person("alice")
    alice.start(NOTEBOOK)
    alice.wait_ready()
    kernel = alice.kernel()
    kernel.run("value = 41")
    lab.sh("docker kill labserver-hub && docker start labserver-hub")
    assert kernel.run("print(value + 1)").strip() == "42", "the open connection never broke"
    lab.until("the hub is back", lambda: alice.get("/hub/health").status_code == 200, 60)
    assert alice.server() is not None
    again = lab.person("alice")
    again.wait_ready()
    assert again.kernel().run("print(1)").strip() == "1"


def test_a_replaced_proxy_gets_its_routes_back(lab: t.Any, alice: HubClient) -> None:
    assert alice.server() is not None
    lab.sh("docker restart -t 1 labserver-hub-proxy")

    def reached() -> bool:
        try:
            return "version" in alice.get("/user/alice/api").json()
        except ValueError:
            return False
        except OSError:
            return False

    lab.until("the route is back", reached, 60)


def test_a_registry_that_is_down_stops_nobody(lab: t.Any, alice: HubClient) -> None:
    lab.sh("docker stop -t 1 labserver-registry")
    try:
        time.sleep(4)
        bob = lab.person("bob")
        bob.start(NOTEBOOK)
        bob.wait_ready()
        bob.stop()
        assert lab.running("alice")
    finally:
        lab.sh("docker start labserver-registry")


def test_an_engine_that_is_killed_takes_nobody_along(lab: t.Any, alice: HubClient) -> None:
    before = lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice")
    lab.sh("systemctl kill -s KILL docker && sleep 2 && systemctl restart docker")
    assert lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice") == before
    bob = lab.person("bob")
    bob.start(NOTEBOOK)
    bob.wait_ready()
    bob.stop()


def test_a_password_store_that_lost_entries_keeps_the_hub_shut(lab: t.Any) -> None:
    state = "/srv/labserver/hub/state"
    lab.sh(f"docker stop -t 5 labserver-hub && cp -a {state}/passwords.sqlite /tmp/store")
    try:
        statements = "c.execute('DELETE FROM passwords'); c.commit()"
        lab.sh(f"python3 -c \"import sqlite3; c = sqlite3.connect('{state}/passwords.sqlite'); {statements}\"")
        lab.sh("docker start labserver-hub")
        words = "passwords are gone without a recorded removal"
        lab.until("it says why", lambda: words in lab.sh("docker logs --tail 50 labserver-hub 2>&1"), 60)
        assert HubClient(lab.base, "alice").get("/hub/health").status_code != 200
    finally:
        lab.sh(f"docker stop labserver-hub; cp -a /tmp/store {state}/passwords.sqlite; docker start labserver-hub")
    alice = HubClient(lab.base, "alice")
    lab.until("the hub is back", lambda: alice.get("/hub/health").status_code == 200, 60)
    assert alice.login(OWN).status_code == 302


def test_a_lost_database_comes_back_from_the_last_copy(lab: t.Any, alice: HubClient) -> None:
    state = "/srv/labserver/hub/state"
    lab.until("there is a copy", lambda: lab.sh(f"ls {state}/copies").split() != [], 60)
    before = lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice")
    lab.sh(f"docker stop -t 5 labserver-hub && rm {state}/jupyterhub.sqlite && docker start labserver-hub")
    alice = HubClient(lab.base, "alice")  # without the session that the fixture has
    lab.until("the hub is back", lambda: alice.get("/hub/health").status_code == 200, 60)
    assert alice.login(OWN).status_code == 302
    assert alice.server() is not None
    assert lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice") == before


@long("soak-long")
def test_twenty_people_start_at_once(lab: t.Any) -> None:
    alice = lab.person("alice")
    if alice.server() is not None:
        alice.stop()
    names = [f"student{number}" for number in range(1, 21)]

    def work(name: str) -> float:
        person = lab.person(name)
        began = time.monotonic()
        for _ in range(100):
            if person.start(NOTEBOOK).status_code != 429:
                break
            time.sleep(1)
        person.wait_ready(180)
        return time.monotonic() - began

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        waits = sorted(pool.map(work, names))
    took = time.monotonic() - began
    Path(os.environ.get("LABSERVER_RUNS", ".")).joinpath("twenty.json").write_text(json.dumps([took, waits]))
    print(f"20 servers in {took:.1f} s; p50 {waits[10]:.1f} s, longest {waits[-1]:.1f} s")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda name: lab.person(name).stop(), names))
