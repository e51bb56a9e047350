# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine with containers and a database, for the tests of the hub's room."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError


class FakeEngine:
    """An engine that answers from a table and writes down what it is asked to do."""

    def __init__(self, containers: dict[str, dict[str, Any]]):
        self.containers = containers
        self.done: list[tuple[str, str, Any]] = []

    def get(self, path: str, **query: Any) -> Any:
        if path == "/containers/json":
            assert query["filters"]["label"] == ["org.labserver.room=hub-server"]
            return [{"Id": one["Id"]} for one in self.containers.values() if one["State"]["Running"]]
        name = path.split("/")[2]
        for key, one in self.containers.items():
            if name in (key, one["Id"]):
                return one
        raise EngineError("no such container", 404)

    def request(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        self.done.append((method, path, body))
        return {"Id": "new"}


def container(name: str, user: str = "", running: bool = True, label: str = "", identity: str = "") -> dict[str, Any]:
    return {
        "Id": identity or f"id-{name}", "Name": f"/{name}",
        "Config": {
            "Hostname": "id", "Image": "i", "Labels": {"org.labserver.user": user, "org.labserver.config": label},
        },
        "HostConfig": {"NetworkMode": "n"},
        "NetworkSettings": {"Networks": {"n": {"IPAMConfig": {"IPv4Address": "172.27.240.2"}, "Aliases": ["x"]}}},
        "State": {"Running": running, "StartedAt": "then"},
    }  # fmt: skip


def engine_of(*containers: dict[str, Any]) -> Any:
    return FakeEngine({one["Name"][1:]: one for one in containers})


def make_database(path: Path, version: str, rows: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version(version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES(?)", (version,))
        connection.execute("CREATE TABLE servers(id INTEGER)")
        connection.executemany("INSERT INTO servers VALUES(?)", [(row,) for row in range(rows)])


def rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM servers").fetchone()[0])
