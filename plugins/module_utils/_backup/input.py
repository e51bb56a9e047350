# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``backup``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._common import paths
from .model import ROOTS, covers, left_out

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OURS = ("RESTIC_PASSWORD", "RESTIC_REPOSITORY")
SHORTEST_PASSWORD = 12


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of the role's variables, each with path, what is allowed and what to do."""
    repository = str(inputs.get("backup_repository") or "")
    if not repository or inputs.get("backup_state") == "absent":
        return []
    found = _place(repository, str(inputs.get("backup_mount_point") or ""))
    if len(str(inputs.get("backup_password") or "")) < SHORTEST_PASSWORD:
        found.append(
            f"backup_password: has less than {SHORTEST_PASSWORD} characters; give a longer one, and keep it"
            " outside of the lab as well"
        )
    for variable in inputs.get("backup_environment") or {}:
        if not VARIABLE.fullmatch(str(variable)):
            found.append(f"backup_environment: {variable!r} is not the name of a variable")
        elif variable in OURS:
            found.append(f"backup_environment: {variable} is set by the role; use its inputs instead")
    for index, path in enumerate(inputs.get("backup_paths") or []):
        if not str(path).startswith("/"):
            found.append(f"backup_paths[{index}]: {path!r} is not an absolute path")
        elif left_out(str(path), [paths.SHARES]):
            found.append(f"backup_paths[{index}]: {path!r} is on a share of the NAS, which is never saved from here")
    found += [
        f"backup_exclude[{index}]: is empty; take the entry out"
        for index, pattern in enumerate(inputs.get("backup_exclude") or [])
        if not str(pattern).strip()
    ]
    for name in ("backup_keep_daily", "backup_keep_weekly", "backup_keep_monthly", "backup_drill_files"):
        if int(inputs.get(name) or 0) < 0:
            found.append(f"{name}: {inputs[name]} is less than 0")
    percent = float(inputs.get("backup_drill_read_percent") or 0)
    if not 0 < percent <= 100:
        found.append(f"backup_drill_read_percent: {percent:g} is not above 0 and at most 100")
    return found


def _place(repository: str, point: str) -> list[str]:
    if ":" in repository.split("/", 1)[0]:
        if point:
            return ["backup_mount_point: is for a repository in a folder of the host; leave it empty"]
        return []
    if not repository.startswith("/"):
        return [
            f"backup_repository: {repository!r} is neither an absolute path nor a place such as sftp:user@host:/path,"
            " rest:https://host/ or s3:https://host/bucket"
        ]
    found = []
    if any(covers(root, repository) for root in ROOTS) and not covers(paths.SHARES, repository):
        found.append(f"backup_repository: {repository!r} lies in what is saved; give a place on another disk")
    if point and not covers(point, repository):
        found.append(f"backup_mount_point: {repository!r} does not lie below {point!r}")
    return found
