# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of rooms: a server that a group shares runs as an account of its own in the group, never as a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .check import STATES, convert, limits_of, one_of, reporter, size, text, unknown_keys
from .limits import Limits
from .names import made_by_yaml

KEYS = ("name", "title", "group", "image", "limits", "quota", "state")
PREFIX = "room-"
"""The hub's name of a room is this and the room's name, so that it can be told from people's."""
NAME = re.compile(r"[a-z][a-z0-9-]{0,29}[a-z0-9]\Z")
PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
IMAGE = re.compile(rf"{PART}(?:/{PART})*(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?\Z")
SHELL = "/usr/sbin/nologin"
SMALLEST_MEMORY_BYTES = 512 << 20
"""JupyterLab with working together takes 200 MB, and each kernel 40 to 100 MB more."""
SMALLEST_CPU = 0.2

Merged = dict[str, tuple[dict[str, Any], Limits, str]]


def _image(value: object) -> str:
    if not isinstance(value, str) or not IMAGE.match(value):
        raise ValueError(f'"{value}" is not an image; give its repository, or repository:tag, for example scientific')
    return value


FIELDS: dict[str, Callable[[object], Any]] = {
    "title": text,
    "group": text,
    "image": _image,
    "quota": size,
    "state": lambda value: one_of(value, STATES),
}


def entries(raw_rooms: object, users: Merged, groups: Mapping[str, Any], wrong: list[str]) -> Merged:
    """Return the accounts of the rooms, in the form of people's; adds to ``wrong`` what is not right with them.

    ``users`` and ``groups`` are those of the inventory, to be compared with.
    """
    if not isinstance(raw_rooms, list):
        wrong.append("hub_rooms: is not a list; write one room a line, each beginning with a hyphen")
        return {}
    found: Merged = {}
    for index, raw in enumerate(raw_rooms):
        label = f"hub_rooms[{index}]"
        if not isinstance(raw, Mapping):
            wrong.append(f"{label}: {raw!r} is not a mapping; write for example - {{name: course, group: course}}")
            continue
        report = reporter(wrong, label, raw)
        unknown_keys(raw, KEYS, report)
        problem = _name_problem(raw.get("name"))
        fields, limits = convert(raw, FIELDS, report), limits_of(raw, report)
        if problem:
            report(problem)
            continue
        account = PREFIX + raw["name"]
        if account in found:
            report(f"is a duplicate of {found[account][2]}; a room has one server, so give this one another name")
            continue
        if account in users:
            report(f'its account "{account}" is a person in {users[account][2]}; rename the room or the person')
            continue
        _check_members(fields.get("group"), users, groups, report)
        _check_limits(limits, report)
        if isinstance(raw.get("limits"), Mapping) and raw["limits"].get("images") is not None:
            report("limits.images: a room has one image; give it as image")
        if limits.servers is not None:
            report("limits.servers: a room has one server; leave it out")
        found[account] = (_account(raw["name"], fields), _with_image(limits, fields.get("image")), label)
    return found


def _name_problem(name: object) -> str:
    if made := made_by_yaml(name):
        return f"name {made}"
    if not isinstance(name, str) or not name:
        return "name is missing; give a short name such as course"
    if NAME.match(name):
        return ""
    return f'name "{name}" is not possible; use a-z, 0-9 and hyphens, beginning with a letter, 2 to 31 characters'


def _check_members(group: object, users: Merged, groups: Mapping[str, Any], report: Callable[[str], None]) -> None:
    if not group:
        report("group is missing; give the lab group whose members use the room")
    elif group not in groups:
        report(f'group "{group}" is not in accounts_groups; add it there, or name one that is')
    elif not any(
        group in fields.get("groups", ()) and fields.get("state", "present") == "present" and not fields.get("room")
        for fields, _limits, _label in users.values()
    ):
        report(f'nobody of accounts_users is in the group "{group}", so nobody could enter; put people into the group')


def _check_limits(limits: Limits, report: Callable[[str], None]) -> None:
    if limits.memory_bytes is not None and limits.memory_bytes < SMALLEST_MEMORY_BYTES:
        report(
            f"limits.memory of {limits.memory_bytes >> 20} MiB is less than JupyterLab needs for several people;"
            " give 512M or more"
        )
    if limits.cpu is not None and limits.cpu < SMALLEST_CPU:
        report(f"limits.cpu {limits.cpu:g} is less than JupyterLab needs to start in time; give {SMALLEST_CPU} or more")


def _with_image(limits: Limits, image: str | None) -> Limits:
    """Return limits that allow the room's image alone."""
    return Limits(**{**vars(limits), "images": (image.partition(":")[0],)}) if image else limits


def _account(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    more = {key: fields[key] for key in ("quota", "state") if key in fields}
    return {
        "full_name": fields.get("title") or name,
        "groups": (fields["group"],) if fields.get("group") else (),
        "shell": SHELL,
        "room": fields.get("image") or "",
        **more,
    }
