# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for builds of people's images, attacked through the guard: one program, one account, nothing shared."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attacks import CREATE
from guard_lab import Lab
from labhub.exchange.roster import Person, Roster
from labhub.guard import policy
from labhub.guard.calls import RefusedError
from labhub.servers import box, build, run, server
from samples import OTHER_DIGEST, good_body, world

Body = dict[str, Any]
NAME, ID = "build-jupyter-alice", "0123456789ab"
MOST = 1 << 30
ON: dict[str, Any] = {"builds_per_person": 1, "builds_groups": ("leem",), "builds_most_bytes": MOST}
LAB = world(**ON, runs_per_person=1, box_image="labserver/box:0123")
ADDRESS = "https://git.example.org/physics/analysis.git"
COMMAND = build.command(ID, "git", ADDRESS, "analysis", 1800, MOST)


def body_of(name: str = "alice", lab: policy.World = LAB) -> Body:
    """Return what the hub asks for."""
    person = lab.roster.people[name]
    image = lab.images[1 if name == "mary-ann" else 0]
    return build.create_body(lab.settings, lab.roster, person, image, {"http_proxy": "x"}, ID, COMMAND)


def test_what_the_hub_asks_for_passes_with_the_persons_account_and_limits_and_without_shares() -> None:
    body, person = policy.check_create(LAB, NAME, body_of())
    assert body == body_of() and person.name == "alice"
    same = good_body()["HostConfig"]
    assert {key for key in same if body["HostConfig"][key] != same[key]} == {"Binds"}
    assert body["HostConfig"]["Binds"] == [
        "/home/jupyter-alice:/home/jupyter-alice:rw", "/etc/labserver/public/passwd:/etc/passwd:ro",
        "/etc/labserver/public/group:/etc/group:ro",
    ]  # fmt: skip
    assert body["User"] == "20001:20001" and body["HostConfig"]["CapDrop"] == ["ALL"]
    assert "ExposedPorts" not in body and not any("JUPYTERHUB" in line for line in body["Env"])


# Nothing shared is bound, so there is nothing whose propagation could be another one.
SERVERS = {name: change for name, change in CREATE.items() if name != "shared propagation"}


@pytest.mark.parametrize("change", SERVERS.values(), ids=SERVERS.keys())
def test_what_is_refused_for_servers_is_refused_here(change: Callable[[Body], Any]) -> None:
    body = body_of()
    change(body)
    with pytest.raises(RefusedError):
        policy.check_create(LAB, NAME, body)


def command(*last: str) -> Callable[[Body], Any]:
    return lambda body: body.update(Cmd=[*COMMAND[: -build.ARGUMENTS], *last])


def bind(path: str) -> Callable[[Body], Any]:
    return lambda body: body["HostConfig"]["Binds"].append(path)


END = ("analysis", "1800", "1000000")
MORE: dict[str, Callable[[Body], Any]] = {
    "an image of others": lambda body: body.update(Image=f"127.0.0.1:5000/steps@{OTHER_DIGEST}"),
    "the image for files": lambda body: body.update(Image="labserver/box:0123"),
    "another program": lambda body: body["Cmd"].__setitem__(4, "print(1)"),
    "the program of runs": lambda body: body.update(Cmd=run.command("a.ipynb", "2026-11-21_03-00-00", 7, 60)),
    "another command": lambda body: body.update(Cmd=["sh", "-c", "id"]),
    "no command": lambda body: body.pop("Cmd"),
    "one word more": command(ID, "git", ADDRESS, *END, "x"),
    "another kind": command(ID, "docker", ADDRESS, *END),
    "an address without TLS": command(ID, "git", "http://git.example.org/a", *END),
    "an address on the disk": command(ID, "git", "file:///etc", *END),
    "an address by SSH": command(ID, "git", "git@git.example.org:a", *END),
    "an address that runs a program": command(ID, "git", "ext::sh -c id", *END),
    "an option in place of an address": command(ID, "git", "--upload-pack=id", *END),
    "an address with a password": command(ID, "git", "https://me:secret@git.example.org/a", *END),
    "a folder of somebody else": command(ID, "folder", "../jupyter-bob/a", *END),
    "a folder from the root": command(ID, "folder", "/etc", *END),
    "a name with a way up": command(ID, "folder", "a", "../x", "1800", "1"),
    "another id": command("../x", "folder", "a", *END),
    "no limit": command(ID, "folder", "a", "analysis", "0", "1"),
    "more time than the lab allows": command(ID, "folder", "a", "analysis", "1801", "1"),
    "more bytes than the lab allows": command(ID, "folder", "a", "analysis", "60", str(MOST + 1)),
    "Jupyter's port": lambda body: body.update(ExposedPorts={"8888/tcp": {}}),
    "a share of the person's own": bind("/srv/labserver/shares/data:/srv/labserver/shares/data:rw,rslave"),
    "Docker's socket": bind("/var/run/docker.sock:/var/run/docker.sock:rw"),
    "no home": lambda body: body["HostConfig"]["Binds"].pop(0),
    "the host's network": lambda body: body["HostConfig"].update(NetworkMode="host"),
    "no label of a build": lambda body: body["Labels"].pop(build.LABEL),
    "another label of a build": lambda body: body["Labels"].update({build.LABEL: "x"}),
    "the label of a run": lambda body: body["Labels"].update({run.LABEL: "x"}),
    "the label of a container for files": lambda body: body["Labels"].update({box.LABEL: "x"}),
    "another person": lambda body: body["Labels"].update({server.USER_LABEL: "bob"}),
    "a card": lambda body: body["HostConfig"].update(DeviceRequests=[{"Driver": "nvidia", "DeviceIDs": ["0"]}]),
    "root": lambda body: body.update(User="0:0"),
    "a right of root": lambda body: body["HostConfig"].update(CapAdd=["SYS_ADMIN"]),
}  # fmt: skip


@pytest.mark.parametrize("attack", MORE)
def test_nothing_but_a_build(attack: str) -> None:
    body = copy.deepcopy(body_of())
    MORE[attack](body)
    with pytest.raises(RefusedError):
        policy.check_create(LAB, NAME, body)


def test_folders_and_addresses_of_a_lab_pass() -> None:
    for kind, source in (
        ("folder", "envs/a b"), ("git", "https://git.example.org:8443/~mira/a+b/c_d.git"), ("git", "https://a/b"),
    ):  # fmt: skip
        body = body_of()
        command(ID, kind, source, *END)(body)
        policy.check_create(LAB, NAME, body)


def test_without_a_network_a_build_has_none_and_with_one_not_another() -> None:
    lab = world(**ON, builds_network=False)
    body = body_of(lab=lab)
    assert body["HostConfig"]["NetworkMode"] == "none"
    policy.check_create(lab, NAME, body)
    for world_of, other in ((lab, "labserver-hub"), (LAB, "none"), (LAB, "bridge")):
        body["HostConfig"]["NetworkMode"] = other
        with pytest.raises(RefusedError, match="NetworkMode"):
            policy.check_create(world_of, NAME, body)


def test_what_people_made_is_not_built_on() -> None:
    image = dataclasses.replace(
        LAB.images[0], repository="people/leem/mira/a", reference=f"127.0.0.1:5000/people/leem/mira/a@{OTHER_DIGEST}"
    )
    lab = dataclasses.replace(LAB, images=(*LAB.images, image))
    body = body_of(lab=lab)
    policy.check_create(lab, NAME, body)
    body["Image"] = image.reference
    with pytest.raises(RefusedError, match="Image"):
        policy.check_create(lab, NAME, body)


def test_servers_files_runs_and_builds_are_not_called_like_each_other() -> None:
    policy.check_create(LAB, "jupyter-alice", good_body())
    for name, body in ((NAME, good_body()), ("jupyter-alice", body_of()), ("run-jupyter-alice", body_of())):
        with pytest.raises(RefusedError):
            policy.check_create(LAB, name, body)
    for wrong in ("build-jupyter-mary-ann", "build-jupyter-root", "build-", "build-run-jupyter-alice", None):
        with pytest.raises(RefusedError):
            policy.check_create(LAB, wrong, body_of())


def test_there_is_none_where_they_are_off_nor_for_rooms_nor_for_the_locked() -> None:
    with pytest.raises(RefusedError, match="no person"):
        policy.check_create(world(), NAME, body_of())
    with pytest.raises(RefusedError, match="locked"):
        policy.check_create(LAB, "build-jupyter-carol", body_of("carol"))
    room: Person = dataclasses.replace(LAB.roster.people["alice"], room="notebook")
    lab = dataclasses.replace(LAB, roster=Roster({"alice": room}, LAB.roster.gids))
    with pytest.raises(RefusedError, match="no person"):
        policy.check_create(lab, NAME, body_of())


@pytest.mark.parametrize(
    ("name", "more", "owned"),
    [
        (NAME, {build.LABEL: ID}, True),
        (NAME, {}, False),
        ("jupyter-alice", {build.LABEL: ID}, False),
        ("run-jupyter-alice", {build.LABEL: ID}, False),
        (NAME, {build.LABEL: ID, run.LABEL: "x"}, False),
        ("labserver-hub", {build.LABEL: ID}, False),
    ],
)
def test_the_hub_touches_only_what_is_named_and_marked(name: str, more: dict[str, str], owned: bool) -> None:
    labels = {server.ROOM_LABEL: server.ROOM, server.USER_LABEL: "alice", **more}
    assert policy.owned(LAB.settings, LAB.roster, {"Name": f"/{name}", "Config": {"Labels": labels}}) is owned


async def test_builds_are_no_servers_in_what_the_hub_is_told(tmp_path: Path) -> None:
    """A build that counted as a server would be taken for one that the hub lost, and stopped."""
    lab = Lab(tmp_path)
    await lab.start()
    try:
        mine = {server.ROOM_LABEL: server.ROOM, server.USER_LABEL: "alice"}
        lab.servers = [
            {"Id": "1", "Names": ["/jupyter-alice"], "Labels": mine, "State": "running"},
            {"Id": "2", "Names": [f"/{NAME}"], "Labels": {**mine, build.LABEL: ID}, "State": "exited"},
        ]
        told = {}
        for kind in ("servers", "runs", "builds"):
            status, answer = await lab.ask("GET", f"/labserver/{kind}")
            told[kind] = [(one["name"], one["build"]) for one in answer]  # type: ignore[index]
            assert status == 200
        assert told == {"servers": [("jupyter-alice", "")], "runs": [], "builds": [(NAME, ID)]}
    finally:
        await lab.stop()
