# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run tells: data for the result of a module, and a diff for people."""

from __future__ import annotations

from typing import Any

from .wanted import FILE
from .world import Result

SECRET = ("/etc/shadow", "/etc/gshadow", f"/{FILE}")


def summary(result: Result) -> dict[str, Any]:
    """Return the part of a module's result that is data: actions, users and groups."""
    return {
        "actions": [{"what": a.what, "name": a.name, "detail": a.detail} for a in result.plan.actions],
        "users": {
            person.user.name: {
                "system_name": person.system_name,
                "uid": person.uid,
                "gid": person.gid,
                "state": person.state,
            }
            for person in result.plan.people.values()
        },
        "notices": result.plan.notices,
        "groups": {name: {"gid": gid} for name, gid in sorted(result.plan.groups.items())},
    }


def diff(result: Result) -> list[dict[str, str]]:
    """Return the changed lines of each changed file that anybody may read; of the secret ones only that they change."""
    parts: list[dict[str, str]] = []
    for path, (before, after) in sorted(result.files.items()):
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
