# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several servers of one person on a real hub: each with its image, together within one person's limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import PASSWORD, Browser, Hub, wait_for
from long_tests import long
from samples import OTHER_DIGEST, image_document

GIB = 1 << 30
FIRST, SIM, TWO = "jupyter-bob", "server-sim.jupyter-bob", "server-two.jupyter-bob"
LIMITS = {"cpu": 2.0, "memory_bytes": 4 * GIB, "gpus": 0, "images": None, "pids": 1024}


def people(lab: Hub, servers: int = 3, **changes: dict[str, Any]) -> None:
    """Bob may have several servers, the others one; there are two images for all."""
    lab.people(bob={"limits": {**LIMITS, "servers": servers}, **changes.pop("bob", {})}, **changes)
    steps = image_document(
        repository="steps", digest=OTHER_DIGEST, reference=f"127.0.0.1:5000/steps@{OTHER_DIGEST}", title="Steps"
    )
    (lab.folder / "images.json").write_text(
        json.dumps({"version": 1, "updated": "", "images": [image_document(), steps]})
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(Path(tmp_path_factory.mktemp("live")), culling_idle_seconds=7200, culling_warning_seconds=600)
    people(hub)
    try:
        hub.start_guard()
        hub.start()
        yield hub
    finally:
        hub.close()


@pytest.fixture
def bob(lab: Hub) -> Browser:
    """Bob, none of whose servers runs."""
    people(lab)
    browser = lab.login("bob")
    for name in servers(browser):
        end(browser, name, remove=bool(name))
    wait_for(lambda: not [one for one in lab.engine.containers if "bob" in one], 60, "the end of bob's servers")
    wait_for(lambda: set(servers(browser)) <= {""}, 60, "the removal of bob's servers")
    return browser


def servers(browser: Browser) -> dict[str, Any]:
    """Return the servers that the hub knows, also those that do not run."""
    found: dict[str, Any] = browser.api("GET", "users/bob?include_stopped_servers").json()["servers"]
    return found


def place(name: str) -> str:
    return f"users/bob/servers/{name}" if name else "users/bob/server"


def end(browser: Browser, name: str, remove: bool = False) -> None:
    assert browser.api("DELETE", place(name), {"remove": True} if remove else None).status_code in (202, 204)


def start(browser: Browser, name: str = "", **options: Any) -> None:
    answer = browser.api("POST", place(name), options)
    assert answer.status_code in (201, 202), answer.text
    wait_for(lambda: servers(browser).get(name, {}).get("ready"), 120, f"the server {name or 'of bob'}")


def refused(browser: Browser, name: str, **options: Any) -> str:
    answer = browser.api("POST", place(name), options)
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["message"])


def host(lab: Hub, container: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.engine.bodies[container]["HostConfig"]
    return found


def test_two_servers_with_images_of_their_own_share_the_limits(lab: Hub, bob: Browser) -> None:
    start(bob, image="notebook:1.0")
    start(bob, "sim", image="steps:1.0", memory="2048")
    assert lab.engine.bodies[FIRST]["Image"] != lab.engine.bodies[SIM]["Image"]
    assert lab.engine.bodies[SIM]["Labels"]["org.labserver.server"] == "sim"
    assert (host(lab, FIRST)["Memory"], host(lab, SIM)["Memory"]) == (1365 << 20, 2 * GIB), (
        "a third, and what was asked"
    )
    assert host(lab, FIRST)["CpuQuota"] + host(lab, SIM)["CpuQuota"] <= 200_000
    home = bob.get(f"{lab.url}/hub/home", timeout=60).text
    assert "It is stopped in 2 hours if nothing works in it until then." in home
    assert 'data-server="sim" data-state="running" data-memory="2147483648" data-cores="1 core"' in home
    assert home.count("if nothing works in it until then") == 2, "each server has a time of its own"
    for name in ("", "sim"):
        told = bob.get(f"{lab.url}/hub/my-server/usage?server={name}", timeout=60).json()
        assert told["idle"] == "It is stopped in 2 hours if nothing works in it until then."
    alice = lab.login("alice").get(f"{lab.url}/hub/admin", timeout=60).text
    assert 'data-server="sim"' in alice and alice.count("people-idle") == 2
    way = bob.get(f"{lab.url}/hub/my-server?next=/user/bob/sim/lab", allow_redirects=False, timeout=30)
    assert way.headers["Location"] == "/user/bob/sim/lab"


def test_one_more_than_there_may_be_and_more_than_is_left_are_refused(lab: Hub, bob: Browser) -> None:
    people(lab, servers=2)
    start(bob, memory="1024")
    assert "4.88 GiB of memory is more than the 3 GiB" in refused(bob, "sim", memory="5000")
    assert SIM not in lab.engine.containers
    start(bob, "sim", memory="3072")
    assert "You may have 2 servers, and these are there: sim." in refused(bob, "two")
    people(lab, servers=3)
    assert "Your other servers take all that you may use (first server: 1 GiB, sim: 3 GiB)" in refused(bob, "two")
    people(lab, servers=2)
    end(bob, "sim")
    wait_for(lambda: SIM not in lab.engine.containers, 60, "the end of sim")
    form = bob.get(f"{lab.url}/hub/spawn/bob/sim", timeout=60).text
    assert "Start the server sim" in form
    assert '<option value="3072" selected>3 GiB, 1.5 cores</option>' in form, "as last time"
    assert 'value="4096"' not in form and "These run: first server: 1 GiB." in form


@pytest.mark.parametrize("name", ["Sim", "sim.x", "a" * 21, "lab", "2-sim", "sim%2Fx", "jupyter-alice.", "a--b"])
def test_other_names_are_refused_in_a_sentence_and_leave_no_row(lab: Hub, bob: Browser, name: str) -> None:
    said = refused(bob, name)
    assert "A server's name has at most 20 letters" in said or "A server cannot be called lab" in said, said
    assert bob.get(f"{lab.url}/hub/spawn/bob/{name}", timeout=60).status_code == 400
    assert "at most 4096 bytes" in refused(bob, "sim", image="x" * 5000), "and no choice is longer than it may be"
    assert set(servers(bob)) <= {""}
    assert lab.rows("SELECT count(*) FROM spawners WHERE name != ''") == [(0,)]


def test_who_may_have_one_server_gets_no_other(lab: Hub, bob: Browser) -> None:
    people(lab, servers=1)
    assert refused(bob, "sim") == "You may have one server. Ask the administrator if you need more."
    start(bob)
    assert host(lab, FIRST)["Memory"] == 4 * GIB, "and that one gets all"
    home = bob.get(f"{lab.url}/hub/home", timeout=60).text
    assert 'id="several"' not in home and 'id="idle-left"' in home
    assert bob.api("PATCH", place(""), {"name": "sim"}).status_code == 400


@long("soak-long")
def test_a_hub_that_starts_anew_keeps_both_and_knows_what_they_may_use(lab: Hub, bob: Browser) -> None:
    start(bob, memory="1024")
    start(bob, "sim", memory="2048")
    before = {name: lab.engine.containers[name]["Id"] for name in (FIRST, SIM)}
    lab.stop("hub")
    lab.start()
    wait_for(lambda: all(servers(bob)[name]["ready"] for name in ("", "sim")), 60, "both servers")
    assert {name: lab.engine.containers[name]["Id"] for name in (FIRST, SIM)} == before
    home = bob.get(f"{lab.url}/hub/home", timeout=60).text
    assert 'data-memory="2147483648"' in home and "1 GiB of memory is left" in home
    lab.stop("hub")
    lab.rows("UPDATE spawners SET server_id = NULL, state = '{}'")
    lab.rows("DELETE FROM spawners WHERE name = 'sim'")
    lab.start()
    wait_for(lambda: all(servers(bob).get(name, {}).get("ready") for name in ("", "sim")), 120, "what the hub lost")
    assert {name: lab.engine.containers[name]["Id"] for name in (FIRST, SIM)} == before
    assert 'data-memory="2147483648"' in bob.get(f"{lab.url}/hub/home", timeout=60).text


def test_one_is_stopped_and_removed_and_the_other_goes_on(lab: Hub, bob: Browser) -> None:
    start(bob, memory="1024")
    start(bob, "sim", memory="1024")
    end(bob, "sim", remove=True)
    wait_for(lambda: "sim" not in servers(bob), 60, "the removal of sim")
    assert SIM not in lab.engine.containers and lab.engine.containers[FIRST]["State"]["Running"]
    end(bob, "")
    wait_for(lambda: FIRST not in lab.engine.containers, 60, "the end of the first server")


def test_all_servers_of_who_may_no_longer_enter_are_stopped(lab: Hub, bob: Browser) -> None:
    start(bob, memory="1024")
    start(bob, "sim", memory="1024")
    people(lab, bob={"state": "locked"})
    wait_for(lambda: not {FIRST, SIM} & set(lab.engine.containers), 90, "the end of both servers")
    people(lab)


def test_a_login_leads_to_the_page_of_all_servers(lab: Hub, bob: Browser) -> None:
    start(bob, "sim")
    assert Browser(lab.url).login("bob", PASSWORD).headers["Location"] == "/hub/home"
