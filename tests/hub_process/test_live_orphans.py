# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub whose guard or database is away for a while: servers go on, and none is without the hub's knowledge."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Browser, Hub, wait_for
from long_tests import long


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(Path(tmp_path_factory.mktemp("live")))
    try:
        hub.start_guard()
        hub.start()
        yield hub
    finally:
        hub.close()


@pytest.fixture
def alice(lab: Hub) -> Browser:
    lab.people()
    browser = lab.login("alice")
    for name in ("alice", "bob"):
        if not browser.ready(name):
            lab.login(name).start_server(name)
    return browser


def identity(lab: Hub, name: str) -> str:
    return str(lab.engine.containers[f"jupyter-{name}"]["Id"])


def runs(lab: Hub, name: str) -> bool:
    found = lab.engine.containers.get(f"jupyter-{name}")
    return found is not None and found["State"]["Running"]


def test_a_hub_that_starts_while_the_guard_is_away_waits_for_it(lab: Hub, alice: Browser) -> None:
    before = identity(lab, "alice")
    lab.stop("hub")
    lab.stop("guard")
    lab.start()
    assert lab.rows("SELECT count(*) FROM spawners WHERE server_id IS NOT NULL") == [(2,)]
    time.sleep(3)
    assert "nothing is known about the server of alice" in lab.log()
    lab.start_guard()
    wait_for(lambda: alice.ready("alice"), 30, "alice's server")
    assert identity(lab, "alice") == before and runs(lab, "alice")


def test_a_guard_that_is_away_for_a_while_ends_no_server(lab: Hub, alice: Browser) -> None:
    lab.stop("guard")
    alice.get(f"{lab.url}/hub/home", timeout=60)  # asks for the server's state
    for _ in range(3):
        assert alice.get(f"{lab.url}/hub/my-server/usage", timeout=60).json()["memory_bytes"] is None
    time.sleep(11)  # and so does the hub, every ten seconds
    assert alice.ready("alice")
    lab.start_guard()
    assert alice.ready("alice") and runs(lab, "alice")
    alice.get(f"{lab.url}/hub/my-server/usage", timeout=60)
    assert lab.log().count("what people's servers use is not known: ") == 1
    assert lab.log().count("what people's servers use is known again") == 1


def test_a_start_while_the_guard_is_away_says_so_and_works_later(lab: Hub, alice: Browser) -> None:
    bob = lab.login("bob")
    bob.api("DELETE", "users/bob/server")
    wait_for(lambda: "jupyter-bob" not in lab.engine.containers, 60, "the end of bob's server")
    lab.stop("guard")
    answer = bob.api("POST", "users/bob/server", {})
    assert answer.status_code >= 400
    assert "Docker on this server does not answer" in answer.text
    assert not bob.ready("bob")
    lab.start_guard()
    bob.start_server("bob")


@long("soak-long")
def test_a_server_that_the_database_lost_is_taken_over(lab: Hub, alice: Browser) -> None:
    before = identity(lab, "bob")
    lab.stop("hub")
    lab.rows("DELETE FROM api_tokens WHERE note LIKE 'Server at%'")
    lab.rows("UPDATE spawners SET server_id = NULL, state = '{}'")
    lab.rows("DELETE FROM servers WHERE base_url LIKE '/user/%'")
    lab.start()
    wait_for(lambda: alice.ready("bob"), 90, "bob's server")
    assert identity(lab, "bob") == before and runs(lab, "bob")
    token = next(
        line.partition("=")[2]
        for line in lab.engine.containers["jupyter-bob"]["Config"]["Env"]
        if line.startswith("JUPYTERHUB_API_TOKEN=")
    )
    answer = Browser(lab.url).get(f"{lab.url}/hub/api/user", headers={"Authorization": f"token {token}"}, timeout=30)
    assert answer.json()["name"] == "bob", "the server's token is good again"


def test_who_starts_the_lost_server_first_gets_the_same_one(lab: Hub, alice: Browser) -> None:
    before = identity(lab, "alice")
    lab.stop("hub")
    lab.rows("UPDATE spawners SET server_id = NULL, state = '{}'")
    lab.start()
    alice.start_server("alice")
    assert identity(lab, "alice") == before and runs(lab, "alice")


@long("soak-long")
def test_the_lost_server_of_somebody_who_is_locked_ends(lab: Hub, alice: Browser) -> None:
    lab.stop("hub")
    lab.rows("UPDATE spawners SET server_id = NULL, state = '{}'")
    lab.people(bob={"state": "locked"})
    lab.start()
    wait_for(lambda: not runs(lab, "bob"), 90, "the end of bob's server")
    assert "stopping the server jupyter-bob of bob: its person may not log in" in lab.log()
    assert runs(lab, "alice")
