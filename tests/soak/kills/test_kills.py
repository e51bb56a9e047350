# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is killed, and whenever: what was there is whole, and the next run or the host itself goes on."""

from __future__ import annotations

import contextlib
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import test_backups
import test_maintenance
from ansible_collections.labserver.jupyter.plugins.module_utils._common import due, files, lost_run
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import change, transaction, unattended
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import files as hub_files
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.change import Former
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub import hub_engine
from killing import Effects, Killed, killed
from registry_server import RegistryServer

RENAMES = 16
"""The maintenance of the store in this test throws away so many things."""


def test_the_maintenance_of_the_registry_at_a_step(server: RegistryServer, chance: random.Random) -> None:
    registry = test_maintenance.fill(server)
    moment = chance.choice([*test_maintenance.STEPS, *map(str, range(RENAMES))])
    print(f"killed at {moment}")
    test_maintenance.kill_at(server, moment)
    test_maintenance.check_after_a_kill(server, registry)


def test_the_maintenance_of_the_registry_at_any_moment(server: RegistryServer, chance: random.Random) -> None:
    registry = test_maintenance.fill(server)
    moment = chance.uniform(0, 1.0)
    died = killed(lambda: test_maintenance.work(server, test_maintenance.PRUNE), moment)
    print(f"killed after {moment:.3f} s: {died}")
    test_maintenance.check_after_a_kill(server, registry)


def test_a_backup(tmp_path: Path, chance: random.Random) -> None:
    server = test_backups.Server(tmp_path)
    began = time.monotonic()
    server.back_up()
    took = time.monotonic() - began
    (first,) = server.snapshots()
    for number in range(60):
        server.write(f"/home/jupyter-alice/new/{number}", f"{number}\n" * chance.randrange(2000))
    moment = chance.uniform(0, took)
    died = killed(server.back_up, moment)
    print(f"killed after {moment:.3f} of {took:.3f} s: {died}")
    server.repository().open()  # as each program does: it may have been killed while it held the repository alone
    assert first["id"] in {snapshot["id"] for snapshot in server.snapshots()} or len(server.snapshots()) == 1
    # The clock of the test does not move in the process that was killed.
    outcome = server.back_up()
    assert outcome.findings == ()
    names = set(server.files("latest"))
    assert {f"/home/jupyter-alice/new/{number}" for number in range(60)} <= names
    assert {f"/home/jupyter-bob/measured/{number}" for number in range(60)} <= names
    server.repository().call("check", "--read-data")


class Engine(hub_engine.FakeEngine):
    """An engine that does what it is asked, and dies before it when told so."""

    def __init__(self, effects: Effects) -> None:
        names = ("labserver-docker-guard", "labserver-hub-proxy", "labserver-hub")
        super().__init__({name: hub_engine.container(name, label="old") for name in names})
        self.effects, self.made = effects, 0

    def request(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        self.effects.before()
        if method == "DELETE":
            self.containers.pop(path.split("/")[2])
        elif path == "/containers/create":
            self.made += 1
            label = body["Labels"]["org.labserver.config"]
            made = hub_engine.container(query["name"], label=label, running=False, identity=f"made-{self.made}")
            self.containers[query["name"]] = made
            return {"Id": made["Id"]}
        elif path.endswith("/start"):
            self.get(path)["State"]["Running"] = True
        return {}


class Hub:
    """A hub below a folder; it answers when all of its containers run and are of its configuration."""

    def __init__(self, folder: Path, effects: Effects, good: bool) -> None:
        (folder / "data" / "state").mkdir(parents=True)
        self.place = transaction.Place(
            folder / "etc", folder / "data", folder / "hub-change.json", folder / "maintenance.json", -1, folder
        )
        self.engine, self.good = Engine(effects), good
        Configuration("old", ("old = 1",)).write(self.place.folder)
        hub_engine.make_database(self.place.database, "v1", 3)
        engine: Any = self.engine
        self.world = transaction.World(
            engine, self.place, sleep=lambda _seconds: None,
            is_healthy=lambda _url: self.answers(), is_answering=lambda _url: self.answers(),
            attend=lambda: None,
        )  # fmt: skip

    def answers(self) -> bool:
        state = self.state()
        return state == ("old", ("old",) * 3) or (self.good and state == ("new", ("new",) * 3))

    def state(self) -> tuple[str, tuple[str, ...]]:
        """Return the configuration, and the labels of the containers that run."""
        running = [one for one in self.engine.containers.values() if one["State"]["Running"]]
        labels = tuple(one["Config"]["Labels"]["org.labserver.config"] for one in running)
        return Configuration.read(self.place.folder).settings, labels

    def change(self) -> None:
        """Change the hub as the role does."""
        containers = dict(self.engine.containers)
        former = Former(containers, Configuration.read(self.place.folder), "", ())
        transaction.begin(
            self.world,
            Configuration("new", ("new = 1",)),
            former,
            "http://127.0.0.1:8000/",
            dict.fromkeys(containers, "new"),
        )
        for name, was in containers.items():
            body = change.body_of(was)
            body["Labels"] = {**body["Labels"], "org.labserver.config": "new"}
            self.engine.request("DELETE", f"/containers/{name}")
            made = self.engine.request("POST", "/containers/create", body, {"name": name})
            self.engine.request("POST", f"/containers/{made['Id']}/start")
        if not transaction.verify(self.world, "http://127.0.0.1:8000/", 0).well:
            transaction.take_back(self.world, 0)


def die(hub: Hub, work: str, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the hub, or have the host end its change, and die before one of the effects."""
    hub.engine.effects.left, hub.engine.effects.seen = left, 0
    with hub.engine.effects.watching(monkeypatch), contextlib.suppress(Killed):
        hub.change() if work == "change" else unattended.finish(hub.world, 0)
    hub.engine.effects.left = None


def test_a_change_of_the_hub(tmp_path: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed twice: in the change, and again while the host ends it. The host then ends it by itself."""
    hub = Hub(tmp_path, Effects(), good=chance.random() < 0.5)
    first, second = chance.randrange(30), chance.randrange(20)
    print(f"good: {hub.good}, killed before effect {first}, and then before effect {second}")
    die(hub, "change", first, monkeypatch)
    for left in (second, None):
        if hub.place.record.exists():
            then = datetime.now(UTC).timestamp() - lost_run.ABANDONED_SECONDS - 1
            os.utime(hub.place.record, (then, then))
        if left is not None:
            die(hub, "finish", left, monkeypatch)
        else:
            unattended.finish(hub.world, 0)
    assert hub.answers(), hub.state()
    assert not hub.place.record.exists()
    assert not hub.place.maintenance.exists()


def test_the_files_of_a_role(tmp_path: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before any of them is written: the next run writes the rest, and restarts all that reads them."""
    services = {f"service{number % 3}.service" for number in range(9)}

    def wanted(version: int) -> list[hub_files.Desired]:
        here = {"owner": os.getuid(), "group": os.getgid()}
        paths = [tmp_path / f"etc/file{number}" for number in range(9)]
        return [hub_files.Desired(str(tmp_path / "etc"), 0o755, **here)] + [
            hub_files.Desired(
                str(path), 0o644, **here, content=f"{version}\n", restarts=(f"service{number % 3}.service",)
            )
            for number, path in enumerate(paths)
        ]

    hub_files.apply(hub_files.compare(wanted(1)), tmp_path)
    for service in services:
        due.clear(tmp_path, service)
    effects = Effects(chance.randrange(20))
    with effects.watching(monkeypatch), contextlib.suppress(Killed):
        hub_files.apply(hub_files.compare(wanted(2)), tmp_path)
    changed = {one.restarts[0] for one in wanted(2) if one.content and Path(one.path).read_text() == one.content}
    assert all(due.marked(tmp_path, service) for service in changed), "what was written is read at the next start"
    hub_files.apply(hub_files.compare(wanted(2)), tmp_path)
    assert hub_files.compare(wanted(2)) == ()
    assert all(due.marked(tmp_path, service) for service in services)


def test_a_file_is_always_whole(tmp_path: Path, chance: random.Random) -> None:
    path = tmp_path / "roster.json"
    files.replace(path, b"0" * 200_000)

    def work() -> None:
        for number in range(1, 10_000):
            files.replace(path, str(number % 10).encode() * 200_000)

    assert killed(work, chance.uniform(0, 0.5))
    content = path.read_bytes()
    assert len(content) == 200_000
    assert len(set(content)) == 1
