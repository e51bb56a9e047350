# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard before rooms: a room's container has the room's account and folder, and nobody else's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from labhub.exchange.images import parse_images
from labhub.exchange.roster import parse_roster
from labhub.exchange.shares import parse_shares, shares_of
from labhub.guard import policy
from labhub.guard.calls import RefusedError
from labhub.servers import server
from samples import image_document, images_document, roster_document, settings, shares_document

ROOM = "room-course"
Body = dict[str, Any]


def world() -> policy.World:
    """Return the sample's lab with a room of the group leem, which may start one image."""
    document = roster_document()
    document["users"][ROOM] = {
        "system_name": f"jupyter-{ROOM}", "uid": 20009, "gid": 20009, "full_name": "Course",
        "home": f"/home/jupyter-{ROOM}", "groups": ["leem"], "admin": False, "state": "present", "expires": None,
        "limits": {"memory_bytes": 1 << 29, "images": ["teaching"]}, "room": {"image": "teaching"},
    }  # fmt: skip
    images = images_document()
    images["images"].append(
        image_document(repository="teaching", digest="sha256:" + "c" * 64,
                       reference="127.0.0.1:5000/teaching@sha256:" + "c" * 64)
    )  # fmt: skip
    return policy.World(settings(), parse_roster(document), parse_shares(shares_document()), parse_images(images))


def body_of(name: str) -> Body:
    """Return what the spawner asks for."""
    lab = world()
    person = lab.roster.people[name]
    image = next(one for one in lab.images if one.state == "ready" and one.allowed_for(person))
    allowed = server.allowance(lab.settings, person, image)
    host = server.host_config(lab.settings, lab.roster, person, allowed, shares_of(person, lab.shares))
    return server.create_body(person, image, server.person_environment(person), ["x"], host, port=8888)


def test_a_room_may_have_its_own_account_folder_and_shares_of_its_group() -> None:
    body, person = policy.check_create(world(), f"jupyter-{ROOM}", body_of(ROOM))
    assert person.name == ROOM and body["User"] == "20009:20009"
    homes = [bind for bind in body["HostConfig"]["Binds"] if bind.startswith("/home/")]
    assert homes == [f"/home/jupyter-{ROOM}:/home/jupyter-{ROOM}:rw"]


def _bind(*more: str) -> Callable[[Body], None]:
    return lambda body: body["HostConfig"]["Binds"].extend(more)


MEMBER = "/home/jupyter-alice:/home/jupyter-alice:rw"
FROM_THE_ROOM: dict[str, Callable[[Body], Any]] = {
    "a member's home": _bind(MEMBER),
    "a member's home, read-only": _bind(MEMBER.replace(":rw", ":ro")),
    "all homes": _bind("/home:/home:ro"),
    "a member's home as its own": lambda body: body["HostConfig"].update(
        Binds=[bind.replace(f"jupyter-{ROOM}", "jupyter-alice") for bind in body["HostConfig"]["Binds"]]
    ),
    "a member's account": lambda body: body.update(User="20001:20001"),
    "its account with a member's group": lambda body: body.update(User="20009:20001"),
    "a member's own group besides": lambda body: body["HostConfig"].update(GroupAdd=["30001", "20001"]),
    "another group of the lab": lambda body: body["HostConfig"].update(GroupAdd=["30001", "30002"]),
    "a member's label": lambda body: body["Labels"].update({server.USER_LABEL: "alice"}),
    "an image of its members": lambda body: body.update(Image="127.0.0.1:5000/notebook@sha256:" + "a" * 64),
    "more memory than it may have": lambda body: body["HostConfig"].update(Memory=1 << 30, MemorySwap=1 << 30),
}


@pytest.mark.parametrize("attack", FROM_THE_ROOM)
def test_a_room_reaches_nothing_of_its_members(attack: str) -> None:
    body = copy.deepcopy(body_of(ROOM))
    FROM_THE_ROOM[attack](body)
    with pytest.raises(RefusedError):
        policy.check_create(world(), f"jupyter-{ROOM}", body)


TO_THE_ROOM: dict[str, Callable[[Body], Any]] = {
    "the room's folder": _bind(f"/home/jupyter-{ROOM}:/home/jupyter-{ROOM}:rw"),
    "the room's folder, read-only": _bind(f"/home/jupyter-{ROOM}:/mnt:ro"),
    "the room's account": lambda body: body.update(User="20009:20009"),
    "the room's own group": lambda body: body["HostConfig"].update(GroupAdd=["30001", "20009"]),
    "the room's label": lambda body: body["Labels"].update({server.USER_LABEL: ROOM}),
}


@pytest.mark.parametrize("attack", TO_THE_ROOM)
def test_a_members_server_reaches_nothing_of_the_room(attack: str) -> None:
    body = copy.deepcopy(body_of("alice"))
    policy.check_create(world(), "jupyter-alice", copy.deepcopy(body))
    TO_THE_ROOM[attack](body)
    with pytest.raises(RefusedError):
        policy.check_create(world(), "jupyter-alice", body)
