# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between the inputs of several roles."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.plugin_utils._together import problems

GOOD = {
    "registry_state": "present",
    "registry_port": 5000,
    "hub_state": "present",
    "hub_registry": "127.0.0.1:5000",
    "images_state": "present",
    "images_registry": "127.0.0.1:5000",
}
ALL = ("hub", "images", "registry")


def test_a_registry_that_is_taken_off_is_missed_by_those_who_use_it() -> None:
    found = problems({**GOOD, "registry_state": "absent"}, (), ALL)
    assert [text.split(":")[0] for text in found] == ["hub_registry", "images_registry"]
    assert "registry_state: absent takes off" in found[0]
    assert "hub_state: absent" in found[0]


def test_a_registry_on_another_port_is_not_found_by_itself() -> None:
    found = problems({**GOOD, "registry_port": 5050}, ("registry_port",), ALL)
    assert found[0] == (
        "hub_registry: is left at 127.0.0.1:5000, but registry_port is 5050; set hub_registry: 127.0.0.1:5050 as well"
    )
    assert len(found) == 2


@pytest.mark.parametrize(
    ("changes", "given", "roles"),
    [
        ({}, (), ALL),
        ({"registry_state": "absent", "hub_state": "absent", "images_state": "absent"}, (), ALL),
        ({"registry_state": "absent", "hub_registry": "r.lab:443", "images_registry": "r.lab:443"}, (), ALL),
        ({"registry_state": "absent"}, ("hub_registry", "images_registry"), ALL),
        ({"registry_state": "absent"}, (), ("registry",)),
    ],
)
def test_what_fits_is_left_alone(changes: dict[str, Any], given: tuple[str, ...], roles: tuple[str, ...]) -> None:
    assert problems({**GOOD, **changes}, given, roles) == []


ROOMS = {
    **GOOD,
    "hub_rooms": [{"name": "physics", "group": "course", "image": "scientific:2026"}],
    "hub_images": {"teaching": {"groups": ["xps"]}},
    "hub_image_repositories": ["*"],
    "hub_default_image": "scientific",
    "images_notebooks": [{"repository": "scientific", "tag": "latest"}, {"repository": "r"}],
}


def room(image: object) -> list[str]:
    return problems({**ROOMS, "hub_rooms": [{"name": "physics", "group": "course", "image": image}]}, (), ALL)


def test_rooms_with_an_image_of_the_lab_are_good() -> None:
    assert problems(ROOMS, (), ALL) == []
    assert room("pushed-by-hand") == [], "nobody knows offline what was pushed"
    assert problems({**ROOMS, "hub_rooms": [{"name": "physics"}, "x", {"image": 3}]}, (), ALL) == []


def test_rooms_with_an_image_that_is_nearly_one_of_the_lab_are_refused() -> None:
    assert room("sientific") == [
        "hub_rooms[0] (name=physics): the image sientific is unknown; did you mean scientific?"
    ]


def test_rooms_with_an_image_for_others_are_refused() -> None:
    assert room("teaching") == [
        "hub_rooms[0] (name=physics): the image teaching is for xps alone (hub_images), not for the room's group course"
    ]
    few = {**ROOMS, "hub_image_repositories": ["r", "teach*"]}
    assert "the image scientific is not among hub_image_repositories" in problems(few, (), ALL)[0]
