# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of the role accounts: its inputs as one description of what is desired, and the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..module_utils._accounts import ids as ids_core
from ..module_utils._accounts import input as accounts_input
from ..module_utils._accounts.ids import Found


def accounts_desired(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the problems of the role's inputs and, merged from all its lists, people, groups and folders."""
    desired, problems = accounts_input.desired(inputs)
    return {"problems": problems, **accounts_input.plain(desired)}


def accounts_ids(path: str, hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Give everybody a number that is free and the same on all hosts.

    ``path`` is the file of the numbers on the controller (may be missing, or empty for none), ``hosts`` has for every
    host ``desired`` (of :func:`accounts_desired`), ``found`` (of the module accounts_info) and ``settings``, or
    nothing where no accounts are wanted. Returns ``problems``, ``ids``, the file's new ``content``, and of which hosts.
    """
    known: dict[str, Any] = {}
    problems: list[str] = []
    file = Path(path) if path else None
    try:
        recorded = ids_core.load(file.read_text(encoding="utf-8") if file and file.exists() else "", path)
    except (ValueError, OSError) as error:
        return {"problems": [str(error)], "ids": {}, "content": "", "hosts": []}
    for host, data in hosts.items():
        if not data:
            continue
        wanted = data["desired"]
        inputs = {
            **data["settings"],
            "accounts_users": wanted["users"],
            "accounts_groups": wanted["groups"],
        }
        desired, wrong = accounts_input.desired(inputs)
        problems += wrong
        found = data["found"]
        known[host] = (
            desired,
            Found(
                accounts={name: (uid, gid) for name, (uid, gid) in found["accounts"].items()},
                groups=found["groups"],
                recorded_users=found["recorded_users"],
                recorded_groups=found["recorded_groups"],
                foreign_users=found["foreign_users"],
                foreign_groups=found["foreign_groups"],
                sub_uids=[tuple(item) for item in found["sub_uids"]],
                sub_gids=[tuple(item) for item in found["sub_gids"]],
                trouble=found["trouble"],
            ),
        )
    ids, collisions = ids_core.allocate(known, recorded, path)
    return {
        "problems": problems + collisions,
        "ids": {"users": dict(ids.users), "groups": dict(ids.groups)},
        "content": ids.dump(),
        "hosts": sorted(known),
    }


def accounts_host(variables: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a host's variables what :func:`accounts_ids` needs to know; nothing for ``accounts_state: absent``."""
    if "__accounts_desired" not in variables:
        return {}
    return {
        "desired": variables["__accounts_desired"],
        "found": variables["__accounts_found"],
        "settings": settings,
    }


class FilterModule:
    """The filters of the role accounts."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"accounts_desired": accounts_desired, "accounts_ids": accounts_ids, "accounts_host": accounts_host}
