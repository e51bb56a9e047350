# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms of the hub: each gets an account of its own in its group, and each mistake has its sentence."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import output
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.ids import Ids
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.model import Desired, User
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.people import Person, people
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.records import Register
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.tables import Tables

LAB: dict[str, Any] = {
    "accounts_users": [
        {"name": "mira", "groups": ["course"]},
        {"name": "jonas", "groups": ["leem"], "state": "locked"},
    ],
    "accounts_groups": [{"name": "course"}, {"name": "leem"}, {"name": "empty"}],
}
FILES = dict.fromkeys(("passwd", "group", "shadow", "gshadow"), b"")
GOOD = {"name": "physics", "group": "course"}


def told(*rooms: Any, **more: Any) -> list[str]:
    return inputs.problems({**LAB, "accounts_rooms": list(rooms), **more})


def wanted(*rooms: dict[str, Any]) -> Desired:
    desired, problems = inputs.desired({**LAB, "accounts_rooms": list(rooms)})
    assert problems == []
    return desired


def user(desired: Desired, name: str) -> User:
    return next(one for one in desired.users if one.name == name)


CASES: list[tuple[Any, str]] = [
    ("physics", "hub_rooms[0]: 'physics' is not a mapping; write for example - {name: course, group: course}"),
    ({"group": "course"}, "hub_rooms[0]: name is missing; give a short name such as course"),
    ({**GOOD, "name": 7}, 'hub_rooms[0]: name is the number 7; put it in quotes: "7"'),
    ({**GOOD, "name": "Physics I"}, 'name "Physics I" is not possible; use a-z, 0-9 and hyphens'),
    ({"name": "physics"}, "hub_rooms[0] (name=physics): group is missing; give the lab group whose members"),
    ({**GOOD, "group": "cours"}, 'group "cours" is not in accounts_groups; add it there, or name one that is'),
    ({**GOOD, "group": "empty"}, 'nobody of accounts_users is in the group "empty", so nobody could enter'),
    ({**GOOD, "group": "leem"}, 'nobody of accounts_users is in the group "leem", so nobody could enter'),
    ({**GOOD, "images": "x"}, 'unknown key "images"; did you mean image?'),
    ({**GOOD, "image": "Course Image"}, 'image "Course Image" is not an image; give its repository, or repository:tag'),
    ({**GOOD, "image": "a/../b"}, 'image "a/../b" is not an image'),
    (
        {**GOOD, "limits": {"memory": "256M"}},
        "limits.memory of 256 MiB is less than JupyterLab needs for several people",
    ),
    (
        {**GOOD, "limits": {"cpu": 0.1}},
        "limits.cpu 0.1 is less than JupyterLab needs to start in time; give 0.2 or more",
    ),
    ({**GOOD, "limits": {"images": ["x"]}}, "limits.images: a room has one image; give it as image"),
    ({**GOOD, "limits": {"memory": "much"}}, "limits.memory"),
    ({**GOOD, "state": "gone"}, 'state "gone" is unknown; use present, locked, absent'),
    ({**GOOD, "quota": "4K"}, 'quota "4K" is only 4096 bytes'),
]


@pytest.mark.parametrize(("room", "words"), CASES)
def test_each_mistake_has_its_sentence(room: Any, words: str) -> None:
    assert any(words in text for text in told(room)), told(room)


def test_a_list_that_is_none_is_refused() -> None:
    assert told(accounts_rooms={"name": "physics"}) == [
        "hub_rooms: is not a list; write one room a line, each beginning with a hyphen"
    ]


def test_two_rooms_of_one_name_are_refused() -> None:
    assert told(GOOD, {**GOOD, "title": "Again"}) == [
        "hub_rooms[1] (name=physics): is a duplicate of hub_rooms[0]; a room has one server, so give this one another"
        " name"
    ]


def test_a_room_with_the_name_of_a_person_is_refused() -> None:
    person = {"name": "room-physics", "groups": ["course"]}
    assert told(GOOD, accounts_users=[*LAB["accounts_users"], person]) == [
        'hub_rooms[0] (name=physics): its account "room-physics" is a person in accounts_users[2]; rename the room or'
        " the person"
    ]


def test_a_room_with_the_account_of_a_person_is_refused() -> None:
    person = {"name": "paula", "system_name": "jupyter-room-physics"}
    found = told(GOOD, accounts_users=[*LAB["accounts_users"], person])
    assert any("its account would be jupyter-room-physics, which is that of paula" in text for text in found), found


def test_a_room_has_one_server() -> None:
    assert told({**GOOD, "limits": {"servers": 2}}) == [
        "hub_rooms[0] (name=physics): limits.servers: a room has one server; leave it out"
    ]


def test_other_rooms_are_no_members() -> None:
    assert any("nobody could enter" in text for text in told({"name": "two", "group": "empty"}, GOOD))


def test_a_room_is_an_account_in_its_group_that_nobody_logs_in_with() -> None:
    room = user(
        wanted({**GOOD, "title": "Physics I", "image": "teaching:2026", "limits": {"memory": "6G"}, "quota": "50G"}),
        "room-physics",
    )
    assert (room.system_name, room.groups, room.full_name) == ("jupyter-room-physics", ("course",), "Physics I")
    assert (room.shell, room.admin, room.host_groups, room.ssh_keys) == ("/usr/sbin/nologin", False, (), None)
    assert room.limits.memory_bytes == 6 << 30 and room.limits.images == ("teaching",)
    assert room.quota_bytes == 50 << 30 and room.room == "teaching:2026"


def test_rooms_reach_the_host_and_the_choice_of_numbers_as_people_do() -> None:
    plain = inputs.plain(wanted({**GOOD, "image": "teaching"}))
    again, problems = inputs.desired({"accounts_users": plain["users"], "accounts_groups": plain["groups"]})
    assert problems == [] and user(again, "room-physics").room == "teaching"
    assert user(again, "mira").room is None


def test_only_rooms_have_the_key_in_the_roster() -> None:
    desired = wanted({**GOOD, "image": "teaching:2026"})
    ids = Ids({"mira": 20001, "jonas": 20002, "room-physics": 20003}, {"course": 30000, "leem": 30001, "empty": 30002})
    everybody: list[Person] = list(people(desired, ids, Tables.parse(FILES), Register(), date(2026, 11, 28)))
    users = json.loads(output.roster(everybody, ids.groups, 14))["users"]
    assert users["room-physics"]["room"] == {"image": "teaching:2026"}
    assert users["room-physics"]["groups"] == ["course"]
    assert "room" not in users["mira"]
