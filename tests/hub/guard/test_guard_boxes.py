# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for files, attacked through the guard: one image, one command, one person's home, and no more limits."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from attacks import CREATE
from labhub.exchange.roster import Person, Roster
from labhub.exchange.shares import shares_of
from labhub.guard import policy
from labhub.guard.calls import RefusedError
from labhub.servers import box, server
from samples import DIGEST, good_body, world

Body = dict[str, Any]
IMAGE = "labserver/box:0123456789ab"
NAME = "files-jupyter-alice"
LAB = world(box_image=IMAGE, box_memory_bytes=1 << 28)
KEYS = {box.HOST_KEY: "a2V5", box.FRONT_KEY: "ssh-ed25519 AAAA"}


def body_of(name: str = "alice", lab: policy.World = LAB) -> Body:
    """Return what the hub asks for."""
    person = lab.roster.people[name]
    return box.create_body(lab.settings, lab.roster, person, shares_of(person, lab.shares), {"http_proxy": "x"}, KEYS)


def test_what_the_hub_asks_for_passes_unchanged() -> None:
    body, person = policy.check_create(LAB, NAME, body_of())
    assert body == body_of() and person.name == "alice"
    host = body["HostConfig"]
    assert host["Memory"] == 1 << 28 and host["CpuQuota"] == 100_000, "less than the server of the person"
    assert [one for one in host["Binds"] if one.startswith("/home/")] == ["/home/jupyter-alice:/home/jupyter-alice:rw"]


def test_it_is_never_larger_than_the_persons_server() -> None:
    large = dataclasses.replace(LAB.settings, box_memory_bytes=1 << 40)
    alice = LAB.roster.people["alice"]
    most = server.allowance(large, alice)
    assert box.allowance(large, alice) == server.Allowance(1.0, most.memory_bytes, 512)


@pytest.mark.parametrize("change", CREATE.values(), ids=CREATE.keys())
def test_what_is_refused_for_servers_is_refused_here(change: Callable[[Body], Any]) -> None:
    lab = world(box_image=IMAGE)  # as large as the server, by which the attacks are measured
    body = copy.deepcopy(body_of(lab=lab))
    policy.check_create(lab, NAME, copy.deepcopy(body))
    change(body)
    with pytest.raises(RefusedError):
        policy.check_create(lab, NAME, body)


MORE: dict[str, Callable[[Body], Any]] = {
    "an image of the catalogue": lambda body: body.update(Image=f"127.0.0.1:5000/notebook@{DIGEST}"),
    "another tag": lambda body: body.update(Image="labserver/box:latest"),
    "another command": lambda body: body.update(Cmd=["sh", "-c", "id"]),
    "no command": lambda body: body.pop("Cmd"),
    "Jupyter's port": lambda body: body.update(ExposedPorts={"8888/tcp": {}}),
    "the label of a server": lambda body: body["Labels"].pop(box.LABEL),
    "as much memory as the server": lambda body: body["HostConfig"].update(
        Memory=1 << 30, MemorySwap=1 << 30, Tmpfs=server.temporary(LAB.settings, 1 << 30)
    ),
    "as many cores as the server": lambda body: body["HostConfig"].update(CpuQuota=150_000),
    "as many processes": lambda body: body["HostConfig"].update(PidsLimit=1024),
    "a card": lambda body: body["HostConfig"].update(DeviceRequests=[{"Driver": "nvidia", "DeviceIDs": ["0"]}]),
}


@pytest.mark.parametrize("attack", MORE)
def test_nothing_but_a_container_for_files(attack: str) -> None:
    body = copy.deepcopy(body_of())
    MORE[attack](body)
    with pytest.raises(RefusedError):
        policy.check_create(LAB, NAME, body)


@pytest.mark.parametrize("name", ["files-jupyter-mary-ann", "jupyter-alice", "files-jupyter-root", "files-", "x", None])
def test_the_name_is_that_of_the_person(name: str | None) -> None:
    with pytest.raises(RefusedError):
        policy.check_create(LAB, name, body_of())


def test_a_server_may_not_be_called_a_container_for_files() -> None:
    policy.check_create(LAB, "jupyter-alice", good_body())
    with pytest.raises(RefusedError):
        policy.check_create(LAB, NAME, good_body())


def test_there_is_none_where_the_way_is_closed_nor_for_rooms_nor_for_the_locked() -> None:
    with pytest.raises(RefusedError):
        policy.check_create(world(), NAME, body_of())
    with pytest.raises(RefusedError, match="locked"):
        policy.check_create(LAB, "files-jupyter-carol", body_of("carol"))
    room: Person = dataclasses.replace(LAB.roster.people["alice"], room="notebook")
    lab = dataclasses.replace(LAB, roster=Roster({"alice": room}, LAB.roster.gids))
    with pytest.raises(RefusedError):
        policy.check_create(lab, NAME, body_of())


@pytest.mark.parametrize(
    ("name", "marked", "owned"),
    [
        ("files-jupyter-alice", True, True),
        ("jupyter-alice", False, True),
        ("files-jupyter-alice", False, False),
        ("jupyter-alice", True, False),
        ("labserver-ssh", True, False),
    ],
)
def test_the_hub_touches_only_what_is_named_and_marked(name: str, marked: bool, owned: bool) -> None:
    labels = {server.ROOM_LABEL: server.ROOM, server.USER_LABEL: "alice", **({box.LABEL: "x"} if marked else {})}
    assert policy.owned(LAB.settings, LAB.roster, {"Name": f"/{name}", "Config": {"Labels": labels}}) is owned


def test_another_key_of_the_container_leaves_its_mark_and_other_rights_do_not() -> None:
    first = body_of()["Labels"][box.LABEL]
    alice = LAB.roster.people["alice"]
    mine = shares_of(alice, LAB.shares)

    def mark(keys: dict[str, str], shares: Any) -> str:
        body = box.create_body(LAB.settings, LAB.roster, alice, shares, {"http_proxy": "x"}, keys)
        return str(body["Labels"][box.LABEL])

    assert mark({**KEYS, box.HOST_KEY: "other"}, mine) == first
    assert mark({**KEYS, box.FRONT_KEY: "ssh-ed25519 BBBB"}, mine) != first
    assert mark(KEYS, mine[:1]) != first


@pytest.mark.parametrize(
    ("name", "user", "marked", "owned"),
    [
        ("olga", "olga", False, True),
        ("files-olga", "olga", True, True),
        ("olga", "alice", False, False),
        ("olga", "nobody", False, False),
        ("files-olga", "olga", False, False),
        ("labserver-registry", "olga", False, False),
    ],
)
def test_an_account_that_was_there_before_has_the_name_that_the_roster_gives(
    name: str, user: str, marked: bool, owned: bool
) -> None:
    olga: Person = dataclasses.replace(LAB.roster.people["alice"], name="olga", system_name="olga")
    roster = Roster({**LAB.roster.people, "olga": olga}, LAB.roster.gids)
    labels = {server.ROOM_LABEL: server.ROOM, server.USER_LABEL: user, **({box.LABEL: "x"} if marked else {})}
    assert policy.owned(LAB.settings, roster, {"Name": f"/{name}", "Config": {"Labels": labels}}) is owned
