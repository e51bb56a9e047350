# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard before Docker's socket, attacked over its own, with a stand-in for Docker that keeps what it is asked."""

from __future__ import annotations

import asyncio
import copy
import errno
import json
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from attacks import CREATE, RAW, REQUESTS, Change
from guard_lab import Lab
from labhub.exchange.shares import shares_of
from labhub.guard import paths, policy, service
from labhub.guard.calls import RefusedError
from labhub.guard.paths import mounted, through_link
from labhub.servers import server
from samples import DIGEST, good_body, roster_document, settings, world


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
    service.Guard(lab.settings)._prepare(mine, [])
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

    monkeypatch.setattr(service, "answers", answers)
    monkeypatch.setattr(service, "LOOK_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(service, "mounted", lambda points: dict.fromkeys(points, True))
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
    assert paths.answers(str(tmp_path)) and not paths.answers(str(tmp_path / "gone"))
    for number, there in ((errno.EHOSTDOWN, False), (errno.ENODEV, False), (errno.EACCES, True)):

        def statvfs(_path: str, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(paths.os, "statvfs", statvfs)
        assert paths.answers("/x") is there
        monkeypatch.undo()


@pytest.mark.parametrize("parent", ["labnotebooks.slice", "/docker/4f/labnotebooks"])
def test_every_server_lies_in_the_group_of_all_notebooks(parent: str) -> None:
    grouped = world(cgroup_parent=parent)
    body = good_body()
    good = {**body, "HostConfig": {**body["HostConfig"], "CgroupParent": parent}}
    assert policy.check_create(grouped, "jupyter-alice", good)[0] == good
    for wrong in ("/", "", "system.slice", parent + "/x", None):
        host = {**body["HostConfig"], **({} if wrong is None else {"CgroupParent": wrong})}
        with pytest.raises(policy.RefusedError, match="CgroupParent"):
            policy.check_create(grouped, "jupyter-alice", {**body, "HostConfig": host})


def test_a_layer_has_the_limit_that_the_host_can_keep() -> None:
    limited = world(layer_bytes=20 << 30)
    body = good_body()
    with pytest.raises(RefusedError, match="StorageOpt is missing"):
        policy.check_create(limited, "jupyter-alice", body)
    body["HostConfig"]["StorageOpt"] = {"size": str(20 << 30)}
    assert policy.check_create(limited, "jupyter-alice", body)[0] == body
    for wrong in ({"size": "0"}, {"size": str(21 << 30)}, {"size": 20 << 30}, {}, {"size": str(20 << 30), "x": "y"}):
        body["HostConfig"]["StorageOpt"] = wrong
        with pytest.raises(RefusedError, match="StorageOpt has a value"):
            policy.check_create(limited, "jupyter-alice", body)


def test_tmp_on_the_disk_is_no_file_system_in_memory() -> None:
    body = good_body()
    with pytest.raises(RefusedError, match="Tmpfs is not allowed"):
        policy.check_create(world(tmp_bytes=0), "jupyter-alice", body)
    del body["HostConfig"]["Tmpfs"]
    assert policy.check_create(world(tmp_bytes=0), "jupyter-alice", body)[0] == body
