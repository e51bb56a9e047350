# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run hands on: the public files by which other rooms learn of the people, and the result of the module.

The public files are roster.json, and passwd and group for containers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .people import Person
from .records import WANTED
from .world import Outcome

VERSION = 1
SECRET = ("/etc/shadow", "/etc/gshadow", f"/{WANTED}")


def roster(people: Iterable[Person], groups: Mapping[str, int], notice_days: int) -> bytes:
    """Return the content of roster.json (see docs/reference/interfaces.md)."""
    users: dict[str, Any] = {}
    for person in people:
        users[person.user.name] = {
            "system_name": person.system_name,
            "uid": person.uid,
            "gid": person.gid,
            "full_name": person.full_name,
            "home": person.home,
            "shell": person.shell,
            "groups": sorted(person.groups),
            "admin": person.user.admin and person.state == "present",
            "state": person.state,
            "expires": person.user.expires.isoformat() if person.user.expires else None,
            "limits": person.limits.data(),
        }
        if person.user.ssh_keys:
            users[person.user.name]["ssh_keys"] = list(person.user.ssh_keys)
        if person.user.room is not None:
            users[person.user.name]["room"] = {"image": person.user.room}
    data = {
        "version": VERSION,
        "users": users,
        "groups": {name: {"gid": gid} for name, gid in groups.items()},
        "expiry_notice_days": notice_days,
    }
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def public_passwd(people: Iterable[Person]) -> bytes:
    """Return a passwd file for containers: root, nobody and the lab's people, so that ids have names there."""
    lines = ["root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"]
    for person in sorted(people, key=lambda person: person.uid):
        name = person.full_name.replace(":", " ")
        lines.append(f"{person.system_name}:x:{person.uid}:{person.gid}:{name}:{person.home}:{person.shell}")
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def public_group(people: Iterable[Person], groups: Mapping[str, int]) -> bytes:
    """Return a group file for containers: root, nogroup, everybody's own group and the lab's groups with members."""
    everybody = sorted(people, key=lambda person: person.uid)
    lines = ["root:x:0:", "nogroup:x:65534:"]
    named = set(groups.values())
    for person in everybody:
        if person.gid not in named:  # adopted accounts may share a primary group
            lines.append(f"{person.system_name}:x:{person.gid}:")
            named.add(person.gid)
    for name, gid in sorted(groups.items(), key=lambda item: item[1]):
        members = ",".join(person.system_name for person in everybody if name in person.groups)
        lines.append(f"{name}:x:{gid}:{members}")
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return the part of a module's result that is data: actions, users and groups."""
    return {
        "actions": [{"what": a.what, "name": a.name, "detail": a.detail} for a in outcome.plan.actions],
        "users": {
            person.user.name: {
                "system_name": person.system_name,
                "uid": person.uid,
                "gid": person.gid,
                "state": person.state,
            }
            for person in outcome.plan.people.values()
        },
        "notices": list(outcome.plan.notices),
        "groups": {name: {"gid": gid} for name, gid in sorted(outcome.plan.register.groups.items())},
    }


def diff(outcome: Outcome) -> list[dict[str, str]]:
    """Return the changed lines of each changed file that anybody may read; of the secret ones only that they change."""
    parts: list[dict[str, str]] = []
    for path, (before, after) in sorted(outcome.files.items()):
        if path in SECRET:
            continue
        old = before.decode("utf-8", "replace").splitlines(keepends=True)
        new = after.decode("utf-8", "replace").splitlines(keepends=True)
        old_set, new_set = set(old), set(new)
        parts.append(
            {
                "before_header": path,
                "after_header": path,
                "before": "".join(line for line in old if line not in new_set),
                "after": "".join(line for line in new if line not in old_set),
            }
        )
    return parts
