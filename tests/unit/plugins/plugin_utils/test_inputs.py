# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of an inventory are compared with the argument specs of all roles."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _inputs

PERSON = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "uid": {"type": "int"},
        "state": {"type": "str", "choices": ["present", "absent"]},
        "token": {"type": "int", "no_log": True},
        "keys": {"type": "list", "elements": "str"},
        "days": {"type": "int", "default": 14},
    },
}
OPTIONS = {
    "lab_people": PERSON,
    "lab_logins": {"type": "dict", "no_log": True, "default": {}},
    "lab_pins": {"type": "list", "elements": "int", "no_log": True, "default": [1]},
    "lab_title": {"type": "str", "default": ""},
    "lab_open": {"type": "bool"},
    "lab_domain": {"type": "str", "required": True},
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"lab_domain": "x", "lab_people": [{"name": "a"}]}, []),
        ({"lab_domain": "x", "lab_open": "yes"}, []),
        ({}, ["lab_domain: is not set; it is required"]),
        ({"lab_domain": None}, ["lab_domain: is empty, but a value is required"]),
        ({"lab_domain": "x", "lab_open": "perhaps"}, ["lab_open: 'perhaps' is not true or false"]),
        ({"lab_domain": ["x"]}, ["lab_domain: ['x'] is not a text"]),
        ({"lab_domain": "x", "lab_people": {"name": "a"}}, ["lab_people: {'name': 'a'} is not a list"]),
        ({"lab_domain": "x", "lab_people": ["a"]}, ["lab_people[0]: 'a' is not a dictionary"]),
        (
            {"lab_domain": "x", "lab_people": [{"name": "a"}, {"name": "mira", "uid": "x"}]},
            ["lab_people[1] (name=mira).uid: 'x' is not a whole number"],
        ),
        (
            {"lab_domain": "x", "lab_people": [{"name": "a", "days": None, "uid": None}]},
            ["lab_people[0] (name=a).days: is empty; give a value, or remove the line for the default"],
        ),
        ({"lab_domain": "x", "lab_people": [{"uid": 1}]}, ["lab_people[0]: name is missing; it is required"]),
        (
            {"lab_domain": "x", "lab_people": [{"name": "a", "stat": "absent"}]},
            ["lab_people[0] (name=a): unknown key 'stat'; did you mean state?"],
        ),
        (
            {"lab_domain": "x", "lab_people": [{"name": "a", "zzz": 1}]},
            ["lab_people[0] (name=a): unknown key 'zzz'; allowed: days, keys, name, state, token, uid"],
        ),
        (
            {"lab_domain": "x", "lab_people": [{"name": "a", "state": "gone"}]},
            ["lab_people[0] (name=a).state: 'gone' is not allowed; choose one of present, absent"],
        ),
        (
            {"lab_domain": "x", "lab_people": [{"name": "a", "token": "hunter2"}]},
            ["lab_people[0] (name=a).token: the value (secret) is not a whole number"],
        ),
        (
            {"lab_domain": "x", "lab_people": [{"name": "a", "keys": "ssh-ed25519"}]},
            ["lab_people[0] (name=a).keys: 'ssh-ed25519' is not a list"],
        ),
        ({"lab_domain": "x", "lab_logins": "hunter2"}, ["lab_logins: the value (secret) is not a dictionary"]),
        ({"lab_domain": "x", "lab_pins": ["hunter2"]}, ["lab_pins[0]: the value (secret) is not a whole number"]),
        (
            {"lab_domain": "x", "lab_logins": None, "lab_pins": None, "lab_title": None},
            [f"lab_{name}: is empty; give a value, or remove the line for the default" for name in ("logins", "pins")],
        ),
    ],
)
def test_each_mistake_has_its_message(values: dict[str, t.Any], expected: list[str]) -> None:
    assert _inputs.check_spec(values, OPTIONS) == expected


def test_all_mistakes_are_named_at_once() -> None:
    values = {"lab_open": "perhaps", "lab_people": [{"uid": "x"}, {"name": "b", "stat": 1}]}
    assert len(_inputs.check_spec(values, OPTIONS)) == 5


SPECS = {
    "lab": OPTIONS,
    "image_build": {},
    "hub": {"hub_port": {"type": "int"}, "hub_listen_address": {"type": "str"}, "hub_proxy_image": {"type": "str"}},
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hub_prot", "hub_prot: no role has an input of this name; did you mean hub_port?"),
        ("hub_zzzzzzzz", "hub_zzzzzzzz: no role has an input of this name; see the role's README for its inputs"),
        ("hub_oauth_image", "hub_oauth_image: no role has an input of this name; see the role's README for its inputs"),
        ("lap_people", "lap_people: no role has an input of this name; did you mean lab_people?"),
        (
            "labserver_extra_ca",
            "labserver_extra_ca: no role has an input of this name; did you mean labserver_extra_ca_certificates?",
        ),
    ],
)
def test_misspelt_variable_is_named_with_its_right_name(name: str, expected: str) -> None:
    assert _inputs.unknown_variables({name, "hub_port"}, SPECS) == [expected]


@pytest.mark.parametrize(
    "name",
    ["my_own_note", "ansible_user", "hub_port", "__hub_x", "labserver_hosts", "hubble", "image_build_references"],
)
def test_other_variables_are_nobodys_business(name: str) -> None:
    assert _inputs.unknown_variables({name}, SPECS) == []


ROLES = Path(_inputs.__file__).resolve().parents[2] / "roles"
SCHEDULES = {
    name: option
    for file in sorted(ROLES.glob("*/meta/argument_specs.yml"))
    for name, option in yaml.safe_load(file.read_text())["argument_specs"]["main"].get("options", {}).items()
    if name.endswith("_schedule")
}


def test_every_job_of_a_role_has_a_schedule_that_is_checked() -> None:
    assert len(SCHEDULES) >= 6
    assert {option["type"] for option in SCHEDULES.values()} == {"str"}
    assert _inputs.check_spec({name: option["default"] for name, option in SCHEDULES.items()}, SCHEDULES) == []


ALLOWED = "give one of hourly, twice-daily, daily, weekly, or five cron fields"


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("61 2 * * *", '"61 2 * * *": minute 61 is not from 0 to 59'),
        ("0 2 30 2 *", '"0 2 30 2 *" names a day that never comes; give another'),
        ("0 0 2 * * *", f'"0 0 2 * * *": has 6 fields; {ALLOWED}'),
        ("dayly", f'"dayly": has 1 field; {ALLOWED}'),
        ("0 2 * * mon-fri", ""),
        ("weekly", ""),
    ],
)
def test_a_schedule_that_cron_would_not_run_is_refused(name: str, value: str, words: str) -> None:
    assert _inputs.check_spec({name: value}, {name: SCHEDULES[name]}) == ([f"{name}: {words}"] if words else [])
