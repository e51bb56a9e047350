# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small server below a folder, with a real restic repository, for the tests of backups."""

from __future__ import annotations

import json
import sqlite3
import typing as t
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._backup import model, restic, run
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.world import World
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount

HOME = "/home/jupyter-alice"


class Engine:
    """Says what volumes and containers a project has."""

    def __init__(self) -> None:
        self.up = True
        self.volumes: list[dict[str, str]] = []
        self.containers: list[dict[str, t.Any]] = []
        self.root = "/var/lib/docker"
        self.made: list[dict[str, t.Any]] = []

    def get(self, path: str, **_query: t.Any) -> t.Any:
        if not self.up:
            raise EngineError("no answer from the Docker engine")
        if path == "/info":
            return {"DockerRootDir": self.root}
        return {"Volumes": self.volumes} if path == "/volumes" else self.containers

    def request(self, _method: str, _path: str, body: t.Any) -> None:
        self.made = sorted([*self.made, body], key=lambda one: str(one["Name"]))


@dataclass
class Server:
    """A server with alice, bob, the hub's database, an app and a repository on a disk of its own."""

    root: Path
    engine: Engine = field(default_factory=Engine)
    mounts: list[Mount] = field(default_factory=lambda: [Mount("/home", "/dev/sdb1", "ext4", frozenset())])
    now: datetime = field(default=datetime(2026, 11, 1, 3, tzinfo=UTC))
    settings: model.Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = model.Settings(
            repository=str(self.root / "mnt/repository"),
            password="secret of the test",
            host="atlas",
            environment={"RESTIC_CACHE_DIR": str(self.root / "cache")},
            keep={"last": 1},
            drill_files=5,
        )
        for person in ("alice", "bob"):
            for number in range(60):
                self.write(f"/home/jupyter-{person}/measured/{number}", f"{person} {number}\n" * 200)
        users = {
            name: {"home": f"/home/jupyter-{name}", "system_name": f"jupyter-{name}", "state": "present"}
            for name in ("alice", "bob")
        }
        self.write("/etc/labserver/public/roster.json", json.dumps({"version": 1, "users": users}))
        item = {"name": "zulip", "paths": [], "compose_project": "zulip"}
        self.write("/etc/labserver/backup.d/compose_app.json", json.dumps({"version": 1, "items": [item]}))
        self.write("/etc/labserver/backup/settings.json", "{}")
        self.write("/srv/labserver/hub/cookie", "x")
        self.at(model.DATABASES[0]).parent.mkdir(parents=True)
        with sqlite3.connect(self.at(model.DATABASES[0])) as database:
            database.execute("create table spawners (name)")
        for name in ("zulip_db", "outside"):
            self.write(f"/var/lib/docker/volumes/{name}/_data/table", name)
        volumes = "/var/lib/docker/volumes"
        self.engine.volumes = [{"Name": "zulip_db", "Mountpoint": f"{volumes}/zulip_db/_data"}]
        mounts = [{"Type": "volume", "Name": "outside", "Source": f"{volumes}/outside/_data"}]
        self.engine.containers = [{"Mounts": mounts}]
        self.at("/mnt").mkdir()
        self.repository().make()

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str) -> None:
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_text(text)

    def world(self) -> World:
        return World(self.root, lambda: self.now, lambda: self.mounts, t.cast(t.Any, self.engine))

    def settings_file(self) -> None:
        """Write the settings as the role does, for what reads them."""
        self.write(model.SETTINGS, json.dumps({"version": 1, **asdict(self.settings)}))

    def repository(self) -> restic.Repository:
        return self.world().repository(self.settings)

    def back_up(self, accept: bool = False) -> run.Outcome:
        self.now += timedelta(days=1)
        return run.back_up(self.world(), self.settings, self.repository(), accept)

    def snapshots(self) -> list[dict[str, t.Any]]:
        return self.repository().snapshots()

    def files(self, snapshot: str) -> list[str]:
        listed = self.repository().call("ls", snapshot).out.splitlines()
        return [line.removeprefix(str(self.root)) for line in listed]
