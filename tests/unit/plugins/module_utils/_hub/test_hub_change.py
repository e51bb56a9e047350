# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the hub while people work."""

from __future__ import annotations

import sqlite3
import typing as t
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import change as hub_change
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.change import Files, Former, Server


class FakeEngine:
    """An engine that answers from a table and writes down what it is asked to do."""

    def __init__(self, containers: dict[str, dict[str, t.Any]]):
        self.containers = containers
        self.done: list[tuple[str, str, t.Any]] = []

    def get(self, path: str, **query: t.Any) -> t.Any:
        if path == "/containers/json":
            assert query["filters"]["label"] == ["org.labserver.room=hub-server"]
            return [{"Id": one["Id"]} for one in self.containers.values() if one["State"]["Running"]]
        name = path.split("/")[2]
        for key, one in self.containers.items():
            if name in (key, one["Id"]):
                return one
        raise EngineError("no such container", 404)

    def request(self, method: str, path: str, body: t.Any = None, query: t.Any = None) -> t.Any:
        self.done.append((method, path, body))
        return {"Id": "new"}


def container(name: str, user: str = "", running: bool = True, label: str = "", identity: str = "") -> dict[str, t.Any]:
    return {
        "Id": identity or f"id-{name}", "Name": f"/{name}",
        "Config": {
            "Hostname": "id", "Image": "i", "Labels": {"org.labserver.user": user, "org.labserver.config": label},
        },
        "HostConfig": {"NetworkMode": "n"},
        "NetworkSettings": {"Networks": {"n": {"IPAMConfig": {"IPv4Address": "172.27.240.2"}, "Aliases": ["x"]}}},
        "State": {"Running": running, "StartedAt": "then"},
    }  # fmt: skip


def engine_of(*containers: dict[str, t.Any]) -> t.Any:
    return FakeEngine({one["Name"][1:]: one for one in containers})


def test_servers_are_noted_by_name() -> None:
    engine = engine_of(container("jupyter-bob", "bob"), container("jupyter-alice", "alice"))
    assert [server.user for server in hub_change.running_servers(engine)] == ["alice", "bob"]


@pytest.mark.parametrize(
    ("found", "needed"),
    [(None, True), (container("h", label="a"), False), (container("h", label="b"), True),
     (container("h", label="a", running=False), True)],
)  # fmt: skip
def test_the_hub_is_replaced_only_when_something_differs(found: dict[str, t.Any] | None, needed: bool) -> None:
    assert hub_change.needs_change(found, "a") is needed


SERVERS = [Server("alice", "jupyter-alice", "id-alice", "then"), Server("bob", "jupyter-bob", "id-bob", "then")]


def look(states: Mapping[str, t.Any], answering: t.Callable[[str], bool], hub: bool = True) -> hub_change.Look:
    return hub_change.look(
        SERVERS,
        states.get,
        "http://h/",
        seconds=2,
        sleep=lambda seconds: None,
        is_healthy=lambda url: hub,
        is_answering=answering,
    )


def state(running: bool = True, started: str = "then") -> dict[str, t.Any]:
    return {"State": {"Running": running, "StartedAt": started}}


def test_all_is_well() -> None:
    found = look({"id-alice": state(), "id-bob": state()}, lambda url: True)
    assert found.sentence() == "2 of 2 servers kept, the hub answers"


def test_nobody_to_keep_is_said_so() -> None:
    assert hub_change.Look(True, 0, 0, ()).sentence() == "no server was running, the hub answers"


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
    found = hub_change.look(
        [], {}.get, "http://h/", seconds=60, hopeless=lambda: len(waits) > 2, sleep=waits.append,
        is_healthy=lambda url: False,
    )  # fmt: skip
    assert (found.well, len(waits)) == (False, 4)
    assert not hub_change.hopeless(None, None)
    assert not hub_change.hopeless({"Id": "new", "RestartCount": 2}, {"Id": "old", "RestartCount": 0})
    assert hub_change.hopeless({"Id": "new", "RestartCount": 3}, {"Id": "old", "RestartCount": 1})
    assert not hub_change.hopeless({"Id": "same", "RestartCount": 9}, {"Id": "same", "RestartCount": 7})


def database(path: Path, version: str, rows: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version(version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES(?)", (version,))
        connection.execute("CREATE TABLE servers(id INTEGER)")
        connection.executemany("INSERT INTO servers VALUES(?)", [(row,) for row in range(rows)])


def rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM servers").fetchone()[0])


def test_the_database_is_copied_while_it_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    assert hub_change.snapshot(path, tmp_path / "snapshots", "1") is None
    database(path, "v1", 3)
    with sqlite3.connect(path) as writer:
        writer.execute("BEGIN IMMEDIATE")
        copy = hub_change.snapshot(path, tmp_path / "snapshots", "1")
    assert copy is not None
    assert rows(copy) == 3
    assert copy.stat().st_mode & 0o777 == 0o600
    for number in range(2, 20):
        hub_change.snapshot(path, tmp_path / "snapshots", f"{number:02d}")
    assert len(list((tmp_path / "snapshots").iterdir())) == hub_change.SNAPSHOTS_KEPT


@pytest.mark.parametrize(("version_now", "kept"), [("v1", 5), ("v2", 3)])
def test_going_back_keeps_the_database_unless_its_schema_changed(tmp_path: Path, version_now: str, kept: int) -> None:
    now, copy = tmp_path / "hub.sqlite", tmp_path / "copy.sqlite"
    database(now, version_now, 5)
    database(copy, "v1", 3)
    folder = tmp_path / "etc"
    Files("new settings", ("new = 1", "more = 2")).write(folder)
    journal = tmp_path / "hub.sqlite-journal"
    if kept == 3:
        journal.write_bytes(b"of a hub that was killed")
    engine = engine_of(container("labserver-hub-proxy"), container("labserver-hub", label="new", identity="other"))
    old = Files("old settings", ("old = 1",))
    was = {name: container(name, label="old") for name in ("labserver-docker-guard", "labserver-hub-proxy")}
    was["labserver-hub"] = container("labserver-hub", label="old")
    former = Former.of(Former(was, old, str(copy), ()).document())
    restored = hub_change.go_back(engine, former, folder=folder, database=now)
    assert restored == ["labserver-docker-guard", "labserver-hub"], "one was gone, one is another, the proxy was left"
    assert not journal.exists()
    assert rows(now) == kept
    assert Files.read(folder) == old
    assert [(method, path) for method, path, _body in engine.done] == [
        ("DELETE", "/containers/labserver-hub"),
        ("POST", "/containers/create"), ("POST", "/containers/new/start"),
        ("POST", "/containers/create"), ("POST", "/containers/new/start"),
    ]  # fmt: skip
    body = engine.done[3][2]
    assert "Hostname" not in body
    assert body["Labels"]["org.labserver.config"] == "old"
    assert body["NetworkingConfig"]["EndpointsConfig"]["n"]["IPAMConfig"] == {"IPv4Address": "172.27.240.2"}


def test_a_first_hub_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    engine = engine_of(container("labserver-hub"))
    former = Former({"labserver-hub": None}, Files("", ()), "", ())
    assert hub_change.go_back(engine, former, folder=tmp_path, database=tmp_path / "none") == []
    assert engine.done == []


def test_files_that_are_no_longer_wanted_go(tmp_path: Path) -> None:
    Files("{}", ("a", "b")).write(tmp_path)
    Files("{}", ("c",)).write(tmp_path)
    assert Files.read(tmp_path) == Files("{}", ("c",))


def test_the_trial_has_no_network_and_sees_secrets_only_to_read() -> None:
    body = hub_change.trial_body("image", 64100, "/etc/labserver/hub", "/etc/labserver/hub/trial-x")
    assert body["HostConfig"]["NetworkMode"] == "none"
    assert all(bind.endswith(":ro") for bind in body["HostConfig"]["Binds"])


def test_snippets_are_for_root_and_the_hub(tmp_path: Path) -> None:
    Files("{}", ("token = 'secret'",)).write(tmp_path, tmp_path.stat().st_gid)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()} == {
        "hub.json": 0o644, "01.py": 0o640,
    }  # fmt: skip
