# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who works, and whether they are reached after a change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._hub import servers
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.servers import Server
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import container, engine_of


def test_servers_are_noted_by_name() -> None:
    engine = engine_of(container("jupyter-bob", "bob"), container("jupyter-alice", "alice"))
    assert [server.user for server in servers.running(engine)] == ["alice", "bob"]


def test_a_container_for_files_is_no_server_that_has_to_answer() -> None:
    box = container("files-jupyter-bob", "bob")
    box["Config"]["Labels"]["org.labserver.box"] = "0123"
    run = container("run-jupyter-carol", "carol")
    run["Config"]["Labels"]["org.labserver.run"] = "0123456789ab-20261121030000"
    found = servers.running(engine_of(box, run, container("jupyter-alice", "alice")))
    assert [one.user for one in found] == ["alice"]


def test_each_of_several_servers_of_a_person_has_to_answer_where_it_is() -> None:
    further = container("server-sim.jupyter-alice", "alice")
    further["Config"]["Labels"]["org.labserver.server"] = "sim"
    found = servers.running(engine_of(further, container("jupyter-alice", "alice")))
    assert [(one.user, one.name) for one in found] == [("alice", ""), ("alice", "sim")]
    asked: list[str] = []

    def answering(url: str) -> bool:
        asked.append(url)
        return not url.endswith("/sim/api")

    states = {one.identity: state() for one in found}
    seen = servers.look(
        found, states.get, "http://h/", seconds=2, sleep=lambda _seconds: None, is_healthy=lambda _url: True,
        is_answering=answering,
    )  # fmt: skip
    assert seen.lost == ("alice's sim (not reached)",)
    assert asked[:2] == ["http://h/user/alice/api", "http://h/user/alice/sim/api"]


def test_who_stops_a_server_while_it_is_looked_at_stops_no_run() -> None:
    engine = engine_of(container("jupyter-bob", "bob"), container("jupyter-alice", "alice"))
    ask = engine.get

    def get(path: str, **query: Any) -> Any:
        if path != "/containers/json":
            engine.containers.pop("jupyter-bob", None)  # listed, and gone a moment later
        return ask(path, **query)

    engine.get = get
    assert [server.user for server in servers.running(engine)] == ["alice"]


SERVERS = [Server("alice", "jupyter-alice", "id-alice", "then"), Server("bob", "jupyter-bob", "id-bob", "then")]


def look(states: Mapping[str, Any], answering: Callable[[str], bool], hub: bool = True) -> servers.Look:
    return servers.look(
        SERVERS,
        states.get,
        "http://h/",
        seconds=2,
        sleep=lambda seconds: None,
        is_healthy=lambda url: hub,
        is_answering=answering,
    )


def state(running: bool = True, started: str = "then") -> dict[str, Any]:
    return {"State": {"Running": running, "StartedAt": started}}


def test_all_is_well() -> None:
    found = look({"id-alice": state(), "id-bob": state()}, lambda url: True)
    assert found.sentence() == "2 of 2 servers kept, the hub answers"


def test_nobody_to_keep_is_said_so() -> None:
    assert servers.Look(True, 0, 0, ()).sentence() == "no server was running, the hub answers"


def test_each_loss_is_named_with_its_kind() -> None:
    assert look({"id-bob": state(running=False)}, lambda url: True).lost == ("alice (stopped)", "bob (stopped)")
    assert look({"id-alice": state(), "id-bob": state(started="now")}, lambda url: True).lost == ("bob (started anew)",)
    found = look({"id-alice": state(), "id-bob": state()}, lambda url: "bob" not in url, hub=False)
    assert found.sentence() == "1 of 2 servers kept, the hub does not answer; lost: bob (not reached)"


def test_a_server_that_answers_late_is_waited_for() -> None:
    tries: list[str] = []

    def answering(url: str) -> bool:
        tries.append(url)
        return len(tries) > 3

    assert look({"id-alice": state(), "id-bob": state()}, answering).kept == 2


def test_a_hub_that_ends_again_and_again_is_not_waited_for() -> None:
    waits: list[float] = []
    found = servers.look(
        [], {}.get, "http://h/", seconds=60, hopeless=lambda: len(waits) > 2, sleep=waits.append,
        is_healthy=lambda url: False,
    )  # fmt: skip
    assert (found.well, len(waits)) == (False, 4)


def test_a_hub_that_hangs_costs_no_more_than_the_limit() -> None:
    """Each question waits for its own limit; ten of them would be far beyond the one of the whole."""
    asked = []

    def hangs(url: str) -> bool:
        asked.append(url)
        time.sleep(0.2)
        return False

    found = servers.look(
        [], lambda _identity: None, "http://x/", seconds=0.5, sleep=lambda _s: None, settle=False, is_healthy=hangs
    )
    assert not found.well
    assert len(asked) <= 4
