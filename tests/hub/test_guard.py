# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard before Docker's socket, attacked over its own, with a stand-in for Docker that keeps what it is asked."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import errno
import json
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from attacks import CREATE, RAW, REQUESTS, Change
from labhub import guard as guard_module
from labhub import policy, server
from labhub.guard import Guard, mounted, through_link
from labhub.roster import parse_roster
from labhub.shares import shares_of
from samples import DIGEST, good_body, images_document, roster_document, settings, shares_document, world

CONTAINERS: dict[str, dict[str, Any]] = {
    "own": {"Id": "1" * 64, "Name": "/jupyter-alice",
            "Config": {"Labels": {"org.labserver.room": "hub-server", "org.labserver.user": "alice"}}},
    "labserver-hub": {"Id": "2" * 64, "Name": "/labserver-hub", "Config": {"Labels": {"org.labserver.room": "hub"}}},
    "labserver-docker-guard": {"Id": "3" * 64, "Name": "/labserver-docker-guard", "Config": {"Labels": None}},
    "impostor": {"Id": "4" * 64, "Name": "/impostor",
                 "Config": {"Labels": {"org.labserver.room": "hub-server", "org.labserver.user": "alice"}}},
    "other-room": {"Id": "5" * 64, "Name": "/jupyter-x", "Config": {"Labels": {"org.labserver.room": "registry"}}},
}  # fmt: skip
LOOKING = {("GET", f"/containers/{name}/json") for name in CONTAINERS}


class Lab:
    """The guard between a client and a stand-in for the engine."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.asked: list[tuple[str, str, bytes]] = []

    async def _engine(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs, await request.read()))
        if request.path == "/version":
            return web.json_response({"ApiVersion": "1.41"})
        if request.path.startswith("/containers/") and request.path.endswith("/json"):
            found = CONTAINERS.get(request.path.split("/")[2])
            return web.json_response(found or {"message": "No such container"}, status=200 if found else 404)
        return web.json_response({"Id": "9" * 64}, status=201)

    async def start(self) -> None:
        """Write the exchange files and start both ends."""
        public = self.folder / "public"
        public.mkdir()
        (public / "roster.json").write_text(json.dumps(roster_document()))
        (public / "shares.json").write_text(json.dumps(shares_document()))
        (self.folder / "images.json").write_text(json.dumps(images_document()))
        # The bodies name folders of a lab server, which are not here: paths have tests of their own below.
        guard = Guard(settings(docker_socket=str(self.folder / "engine")))
        self.prepared: list[list[str]] = []
        setattr(guard, "_prepare", lambda shares, _paths: self.prepared.append([s.name for s, _ in shares]) or [])  # noqa: B010
        for name, path in (("roster", public), ("shares", public), ("images", self.folder)):
            getattr(guard.sources, name).path = path / f"{name}.json"
        self.guard = guard
        self.runners = []
        for handler, path in ((self._engine, "engine"), (guard.handle, "guard")):
            application = web.Application(client_max_size=1 << 20)
            application.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(application)
            await runner.setup()
            await web.UnixSite(runner, str(self.folder / path)).start()
            self.runners.append(runner)

    async def stop(self) -> None:
        """Stop both ends."""
        if self.guard._session is not None:
            await self.guard._session.close()
        for runner in self.runners:
            await runner.cleanup()

    async def ask(self, method: str, target: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Send a request byte for byte as given, and return status and answer."""
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "guard"))
        head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        raw = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        head_lines, _, content = raw.partition(b"\r\n\r\n")
        status = int(head_lines.split(b" ")[1])
        try:
            return status, json.loads(content)
        except ValueError:
            return status, {}

    def acts(self) -> list[tuple[str, str]]:
        """Return what Docker was asked to do, without looking at containers."""
        return [(method, path) for method, path, _ in self.asked if (method, path) not in LOOKING]


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("name", ["alice", "mary-ann"])
async def test_the_spawners_own_request_passes_unchanged(lab: Lab, name: str) -> None:
    body = good_body(name)
    status, _ = await lab.ask("POST", f"/v1.41/containers/create?name=jupyter-{name}", json.dumps(body).encode())
    assert status == 201
    method, path, sent = lab.asked[-1]
    assert (method, path) == ("POST", f"/containers/create?name=jupyter-{name}")
    assert json.loads(sent) == body
    assert lab.prepared == [["data", "scratch"]], "links are made by the guard, and only for what is bound"


async def test_fewer_shares_than_the_person_has_pass(lab: Lab) -> None:
    body = good_body()
    lab_world = world()
    person = lab_world.roster.people["alice"]
    body["HostConfig"]["Binds"] = server.binds(lab_world.settings, person, [])
    status, _ = await lab.ask("POST", "/containers/create?name=jupyter-alice", json.dumps(body).encode())
    assert status == 201


def test_a_server_trusts_what_the_host_trusts(tmp_path: Path) -> None:
    person = world().roster.people["alice"]
    mine = settings(public_folder=str(tmp_path))
    bind = f"{tmp_path}/ca-bundle.crt:/etc/ssl/certs/ca-certificates.crt:ro"
    assert bind not in server.binds(mine, person, [])  # a missing file would become a folder
    (tmp_path / "ca-bundle.crt").touch()
    assert bind in server.binds(mine, person, [])


@pytest.mark.parametrize(("change"), CREATE.values(), ids=CREATE.keys())
async def test_no_other_container_can_be_made(lab: Lab, change: Change) -> None:
    body = copy.deepcopy(good_body())
    change(body)
    assert body != good_body()
    status, answer = await lab.ask("POST", "/containers/create?name=jupyter-alice", json.dumps(body).encode())
    assert (status, lab.asked) == (403, []), answer


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW.keys())
async def test_bodies_are_what_they_seem(lab: Lab, raw: bytes) -> None:
    status, _ = await lab.ask("POST", "/containers/create?name=jupyter-alice", raw)
    assert (status, lab.asked) == (403, [])


@pytest.mark.parametrize(("method", "target"), REQUESTS, ids=lambda value: str(value)[:60])
async def test_no_other_call_reaches_docker(lab: Lab, method: str, target: str) -> None:
    body = json.dumps(good_body()).encode() if method == "POST" and "create" in target else b""
    status, _ = await lab.ask(method, target, body)
    assert (status in (400, 403), lab.acts()) == (True, []), lab.asked


@pytest.mark.parametrize(
    ("method", "target", "asked"),
    [
        ("GET", "/version", ("GET", "/version")),
        ("GET", "/v1.41/containers/own/json", None),
        ("POST", "/v1.41/containers/own/start", ("POST", "/containers/" + "1" * 64 + "/start")),
        ("POST", "/v1.41/containers/own/stop?t=10", ("POST", "/containers/" + "1" * 64 + "/stop?t=10")),
        (
            "DELETE",
            "/v1.41/containers/own?v=True&link=False&force=False",
            ("DELETE", "/containers/" + "1" * 64 + "?v=True&link=False&force=False"),
        ),
        (
            "GET",
            "/v1.41/containers/own/logs?stderr=1&stdout=1&timestamps=0&follow=0&tail=60",
            ("GET", "/containers/" + "1" * 64 + "/logs?stderr=1&stdout=1&timestamps=0&follow=0&tail=60"),
        ),
        (
            "GET",
            f"/v1.41/images/127.0.0.1:5000/notebook%40{DIGEST}/json",
            ("GET", f"/images/127.0.0.1:5000/notebook@{DIGEST}/json"),
        ),
    ],
)
async def test_what_a_spawner_needs_passes(lab: Lab, method: str, target: str, asked: tuple[str, str] | None) -> None:
    status, _ = await lab.ask(method, target)
    assert status in (200, 201)
    assert lab.acts() == ([asked] if asked else [])


async def test_a_container_that_is_not_there_is_said_to_be_missing(lab: Lab) -> None:
    assert (await lab.ask("GET", "/containers/jupyter-bob/json"))[0] == 404


async def test_a_removed_person_keeps_nothing_but_the_stop(lab: Lab) -> None:
    document = roster_document()
    document["users"]["alice"]["state"] = "absent"
    (lab.folder / "public" / "roster.json").write_text(json.dumps(document))
    body = json.dumps(good_body()).encode()
    assert (await lab.ask("POST", "/containers/create?name=jupyter-alice", body))[0] == 403
    assert (await lab.ask("POST", "/containers/own/stop"))[0] == 201


async def test_an_engine_that_is_away_is_told(lab: Lab) -> None:
    lab.guard.settings = settings(docker_socket=str(lab.folder / "nowhere"))
    status, answer = await lab.ask("GET", "/version")
    assert status == 503
    assert "Docker does not answer" in answer["message"]


def test_homes_are_not_reached_through_links(tmp_path: Path) -> None:
    (tmp_path / "homes" / "jupyter-alice").mkdir(parents=True)
    (tmp_path / "homes" / "jupyter-eve").symlink_to("/etc")
    (tmp_path / "link").symlink_to(tmp_path / "homes")
    wrong = {"homes/jupyter-alice": "", "homes/jupyter-eve": "is a symbolic link", "homes/gone": "does not exist",
             "link/jupyter-alice": "is a symbolic link"}  # fmt: skip
    for name, words in wrong.items():
        path = str(tmp_path / name)
        assert through_link(path, path).endswith(words), name
    assert through_link(str(tmp_path / "homes" / "jupyter-alice"), str(tmp_path / "homes" / "jupyter-alice")) == ""


def rights(monkeypatch: pytest.MonkeyPatch, folder: Path, uid: int, mode: int) -> None:
    """Let a folder belong to somebody, whoever runs the tests; all others belong to root."""
    real = os.lstat

    def lstat(path: str) -> os.stat_result:
        found = list(real(path))
        found[4] = uid if path == str(folder) else 0
        if path == str(folder):
            found[0] = found[0] & ~0o777 | mode
        return os.stat_result(found)

    monkeypatch.setattr(os, "lstat", lstat)


@pytest.mark.parametrize(("uid", "mode", "fine"), [(0, 0o755, True), (20001, 0o755, False), (0, 0o775, False),
                                                   (0, 0o757, False), (64100, 0o700, False)])  # fmt: skip
def test_nobody_can_exchange_a_home_between_the_look_and_the_bind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, mode: int, fine: bool
) -> None:
    homes = tmp_path / "homes"
    (homes / "jupyter-alice").mkdir(parents=True)
    rights(monkeypatch, homes, uid, mode)
    found = through_link(str(homes / "jupyter-alice"), str(homes))
    assert (found == "") is fine
    assert fine or "can be changed by others than root" in found


def test_a_home_is_its_persons_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "homes" / "jupyter-alice"
    home.mkdir(parents=True)
    rights(monkeypatch, home, 20001, 0o777)
    assert through_link(str(home), str(tmp_path / "homes")) == ""


def test_the_guard_makes_the_links_of_shares_by_itself(tmp_path: Path) -> None:
    lab = world(links_folder=str(tmp_path / "links"))
    person = lab.roster.people["alice"]
    mine = shares_of(person, lab.shares)
    Guard(lab.settings)._prepare(mine, [])
    (folder,) = (tmp_path / "links").iterdir()
    assert {path.name: str(path.readlink()) for path in folder.iterdir()} == {
        "data": "/srv/labserver/shares/data/files", "scratch": "/srv/labserver/shares/scratch/files",
    }  # fmt: skip


async def test_a_missing_home_is_said_to_be_missing(lab: Lab) -> None:
    setattr(lab.guard, "_prepare", lambda *_: ["/home/jupyter-alice does not exist"])  # noqa: B010
    body = json.dumps(good_body()).encode()
    status, answer = await lab.ask("POST", "/containers/create?name=jupyter-alice", body)
    assert (status, lab.asked) == (403, [])
    assert "home folder: /home/jupyter-alice does not exist" in answer["message"]


def test_an_automount_that_waits_is_not_mounted(tmp_path: Path) -> None:
    info = tmp_path / "mountinfo"
    info.write_text(
        "36 35 0:33 / /s/data/files rw,relatime shared:1 - autofs systemd-1 rw,fd=1\n"
        "37 36 0:34 / /s/data/files rw,relatime shared:2 - cifs //nas/data rw\n"
        "38 35 0:33 / /s/other/files rw - autofs systemd-1 rw\n"
        "39 35 0:35 / /s/with\\\\040space/files rw - cifs //nas/x rw\n".replace("\\\\", "\\")
    )
    points = ["/s/data/files", "/s/other/files", "/s/with space/files", "/s/gone/files"]
    assert mounted(points, info) == dict(zip(points, (True, False, True, False), strict=True))


async def test_a_silent_share_does_not_make_others_look_absent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    silence = threading.Event()
    looked: list[str] = []

    def answers(point: str) -> bool:
        looked.append(point)
        return silence.wait(60) if "data" in point else True

    monkeypatch.setattr(guard_module, "answers", answers)
    monkeypatch.setattr(guard_module, "LOOK_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(guard_module, "mounted", lambda points: dict.fromkeys(points, True))
    try:
        for _time in range(3):
            assert await lab.ask("GET", "/labserver/shares") == (200, {"data": False, "scratch": True})
        assert len([point for point in looked if "data" in point]) == 1, "a look that hangs is not begun again"
    finally:
        silence.set()
    async with asyncio.timeout(10):
        while (await lab.ask("GET", "/labserver/shares"))[1] != {"data": True, "scratch": True}:
            await asyncio.sleep(0.01)


def test_what_does_not_answer_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share whose server was stopped stays mounted, and every look at it says that the host is down."""
    assert guard_module.answers(str(tmp_path)) and not guard_module.answers(str(tmp_path / "gone"))
    for number, there in ((errno.EHOSTDOWN, False), (errno.ENODEV, False), (errno.EACCES, True)):

        def statvfs(_path: str, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(guard_module.os, "statvfs", statvfs)
        assert guard_module.answers("/x") is there
        monkeypatch.undo()


def test_gpus_are_taken_from_the_known_ones_and_no_more_than_granted() -> None:
    document = roster_document()
    document["users"]["alice"]["limits"]["gpus"] = 1
    lab_world = dataclasses.replace(world(gpus=("GPU-a", "GPU-b")), roster=parse_roster(document))
    body = good_body()

    def wish(*devices: str) -> dict[str, Any]:
        request = {"Driver": "nvidia", "DeviceIDs": list(devices), "Capabilities": [["gpu"]]}
        return {**body, "HostConfig": {**body["HostConfig"], "DeviceRequests": [request]}}

    policy.check_create(lab_world, "jupyter-alice", wish("GPU-b"))
    for devices in ((), ("GPU-a", "GPU-b"), ("GPU-c",), ("all",)):
        with pytest.raises(policy.RefusedError):
            policy.check_create(lab_world, "jupyter-alice", wish(*devices))
