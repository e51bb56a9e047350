# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks host paths that a server binds: symbolic links, owners, and whether a share is mounted and answers."""

from __future__ import annotations

import os
import stat
from pathlib import Path

ROOT = 0


def through_link(path: str, root: str = "/") -> str:
    """Return why a host path must not be bound, or an empty string.

    Reasons: a part of it is a symbolic link or missing; or, from the folder ``root`` on, others than the host's root
    can replace a part of it. What is checked here could then be something else when Docker binds it, and Docker's API
    cannot bind what was checked.
    """
    current = "/"
    parts = [part for part in path.split("/") if part]
    for index, part in enumerate(parts, start=1):
        current = os.path.join(current, part)  # noqa: PTH118
        try:
            status = os.lstat(current)
        except FileNotFoundError:
            return f"{current} does not exist"
        except PermissionError:
            return ""  # only root of the host decides below such a folder, and the guard cannot look
        if stat.S_ISLNK(status.st_mode):
            return f"{current} is a symbolic link"
        below_root = current == root or current.startswith(root.rstrip("/") + "/")
        if index < len(parts) and below_root and (status.st_uid != ROOT or status.st_mode & 0o022):
            return f"{current} can be changed by others than root, so what lies in it could be exchanged"
    return ""


def mounted(mount_points: list[str], mountinfo: Path = Path("/proc/self/mountinfo")) -> dict[str, bool]:
    """Return for each mount point whether something real is mounted there (automounts that still wait do not count)."""
    real = set()
    for line in mountinfo.read_text().splitlines():
        fields = line.split(" ")
        separator = fields.index("-")
        if fields[separator + 1] != "autofs":
            real.add(fields[4].replace("\\040", " "))
    return {point: point in real for point in mount_points}


def answers(point: str) -> bool:
    """Tell whether the server of a mount point answers; a folder that the guard may not enter counts as answering.

    Its space is asked for, since that is never answered from a cache: NFS keeps attributes of a folder for a minute.
    """
    try:
        os.statvfs(point)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
