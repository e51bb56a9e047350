# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read before an upgrade: versions, people, names, room."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.process import Done
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import upgrade
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import container, engine_of

# As apt 2.6 and 3.0 write it.
APT = b"""NOTE: This is only a simulation!
The following packages will be upgraded:
  docker.io libc6
Inst libc6 [2.36-9+deb12u8] (2.36-9+deb12u9 Debian:12.9/stable [amd64]) [libc6:amd64 on libc-bin:amd64]
Inst docker.io [20.10.24+dfsg1-1+b3] (20.10.24+dfsg1-1+deb12u1 Debian:12.9/stable [amd64])
Conf libc6 (2.36-9+deb12u9 Debian:12.9/stable [amd64])
"""
WANTED = {"jupyterhub": "6.1.1", "configurable-http-proxy": "5.3.0"}
GIB = 1 << 30


class Engine:
    """What of an engine is asked besides containers."""

    def __init__(self, live_restore: bool) -> None:
        self.inner = engine_of(container("labserver-hub"), container("labserver-hub-proxy"))
        self.inner.containers["jupyter-alice"] = container("jupyter-alice", "alice")
        for name in ("labserver-hub", "labserver-hub-proxy"):
            self.inner.containers[name]["State"]["Running"] = True
        self.live_restore = live_restore

    def get(self, path: str, **query: Any) -> Any:
        if path == "/version":
            return {"Version": "20.10.24"}
        if path == "/info":
            return {"LiveRestoreEnabled": self.live_restore}
        if path == "/containers/json":
            return [{"Id": "id-jupyter-alice"}]
        return self.inner.get(path, **query)


def host(root: Path, live_restore: bool = True, free: int = 50 * GIB) -> upgrade.World:
    state = root / "srv/labserver/hub/state"
    state.mkdir(parents=True)
    (root / "etc/labserver/jobs.d").mkdir(parents=True)
    (root / "etc/os-release").write_text('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    (root / "var/lib/labserver/catalogue").mkdir(parents=True)
    (root / "var/lib/labserver/catalogue/images.json").write_text(json.dumps({"version": 1, "images": [
        {"repository": "notebook", "tag": "latest", "created": "2026-11-20T10:00:00Z", "state": "ready"},
        {"repository": "broken", "tag": "1", "state": "failed"},
    ]}))  # fmt: skip
    with sqlite3.connect(state / "jupyterhub.sqlite") as database:
        database.execute("CREATE TABLE users(id INTEGER, name TEXT)")
        database.execute("CREATE TABLE spawners(user_id INTEGER, name TEXT)")
        database.executemany("INSERT INTO users VALUES(?, ?)", [(1, "alice"), (2, "bob/x"), (3, "%2e")])
        database.executemany("INSERT INTO spawners VALUES(?, ?)", [(1, ""), (1, "My Server"), (1, "gpu-2")])

    def run(command: Sequence[str]) -> Done:
        if command[0] == "apt-get":
            return Done(0, APT)
        said = {"labserver-hub": {"jupyterhub": "5.5.4"}, "labserver-hub-proxy": {"configurable-http-proxy": "5.3.0"}}
        return Done(0, json.dumps(said[command[2]]).encode())

    engine: Any = Engine(live_restore)
    return upgrade.World(engine, root, run, lambda _path: free)


def test_the_plan_says_what_changes_and_for_whom(tmp_path: Path) -> None:
    plan = upgrade.compare(upgrade.read(host(tmp_path)), WANTED)
    assert plan.problems == ()
    text = "\n".join(plan.lines)
    for words in (
        "Debian GNU/Linux 12 (bookworm)",
        "jupyterhub 5.5.4 -> 6.1.1",
        "configurable-http-proxy 5.3.0 stays",
        "images: notebook:latest of 2026-11-20;",
        "Docker 20.10.24; apt upgrade brings docker.io 20.10.24+dfsg1-1+b3 -> 20.10.24+dfsg1-1+deb12u1: servers go on",
        "with a newer version, by the last apt update: 1 (libc6)",
        "cannot log in: '%2e', 'bob/x'",
        "named servers that JupyterHub 6 renames: alice/My Server",
        "running servers: alice; all go on",
        "no backup is set up",
    ):
        assert words in text, words


def test_an_engine_without_live_restore_says_whose_servers_stop(tmp_path: Path) -> None:
    plan = upgrade.compare(upgrade.read(host(tmp_path, live_restore=False)), WANTED)
    assert "this stops the servers of alice" in "\n".join(plan.lines)


def test_images_of_the_labs_own_are_named(tmp_path: Path) -> None:
    (tmp_path / "etc/labserver/jobs.d").mkdir(parents=True)
    world = upgrade.World(host(tmp_path / "h").engine, tmp_path, lambda _command: Done(127), lambda _path: 50 * GIB)
    plan = upgrade.compare(upgrade.read(world), {}, ["hub_image"])
    assert any(line.startswith("hub_image names an image of the lab's own") for line in plan.lines)


def test_what_is_in_the_way_is_said_all_at_once(tmp_path: Path) -> None:
    world = host(tmp_path, free=GIB)
    (tmp_path / "srv/labserver/hub/state/jupyterhub.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 200)

    class Silent:
        def get(self, _path: str, **_query: Any) -> Any:
            raise EngineError("no answer")

    silent: Any = Silent()
    plan = upgrade.compare(upgrade.read(replace(world, engine=silent)), WANTED)
    assert [words.split(":")[0] for words in plan.problems] == [
        "the hub's database cannot be read",
        "Docker does not answer",
        "/var/lib/docker has 1.0 GiB free, an upgrade needs 3 GiB (docs/howto/disk-full.md)",
    ]


@pytest.mark.parametrize(("name", "refused"), [
    ("alice", False), ("mary-ann", False), ("first.last", False), ("a/b", True), (".", True), ("..", True),
    ("%2e%2e", True), (" alice", True), ("", True),
])  # fmt: skip
def test_names_as_jupyterhub_judges_them(name: str, refused: bool) -> None:
    assert (upgrade.refused_users([name]) == [name]) is refused
