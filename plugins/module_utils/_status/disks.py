# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Room on the disks that a lab server writes to: bytes, and numbers of files (inodes)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .._common import mounts, paths, sizes
from .._common.mounts import Mount
from . import trend
from .services import Health, Service

FOLDERS = ("/", "/home", paths.DATA, "/var", "/var/lib/docker", paths.STATE, "/var/log")
# The NAS is looked after by the shares' own job, and a question to one that is gone would hang.
REMOTE = frozenset({"cifs", "smb3", "nfs", "nfs4", "autofs", "ceph", "9p"})
GIB = 1 << 30
# Below both: a large disk may be full in percent and still have room for weeks.
WARNING = (0.10, 20 * GIB)
CRITICAL = (0.03, 5 * GIB)


@dataclass(frozen=True)
class Disk:
    """One local file system: where it is mounted, and how full it is."""

    target: str
    health: Health
    total: int = 0  # bytes
    free: int = 0


def local(found: Iterable[Mount]) -> list[Mount]:
    """Return the local file systems that one of FOLDERS lies on, in order and once each."""
    table = tuple(found)
    seen: dict[str, Mount] = {}
    for folder in FOLDERS:
        mount = mounts.holding(folder, table)
        if mount is not None and mount.fstype not in REMOTE and not mount.fstype.startswith("fuse"):
            seen.setdefault(mount.device, mount)
    return list(seen.values())


def look(found: Iterable[Mount], statvfs: Callable[[str], os.statvfs_result] = os.statvfs) -> list[Disk]:
    """Return how full each local file system is."""
    disks = []
    for mount in local(found):
        try:
            numbers = statvfs(mount.target)
        except OSError:
            continue
        total, free = numbers.f_blocks * numbers.f_frsize, numbers.f_bavail * numbers.f_frsize
        disks.append(Disk(mount.target, health(mount.target, numbers), total, free))
    return disks


def health(target: str, numbers: os.statvfs_result) -> Health:
    """Return how full one file system is."""
    total, free = numbers.f_blocks * numbers.f_frsize, numbers.f_bavail * numbers.f_frsize
    room = free / total if total else 1.0
    files = numbers.f_favail / numbers.f_files if numbers.f_files else 1.0
    level = "ok"
    for name, (fraction, least) in (("warning", WARNING), ("critical", CRITICAL)):
        if (room < fraction and free < least) or files < fraction:
            level = name
    message = f"{sizes.text(free)} of {sizes.text(total)} free"
    message += f", {files:.0%} of the inodes" if files < WARNING[0] else ""
    return Health(Service(f"disk{trend.slug(target)}"), level, message)


def of_host(root: Path) -> list[Disk]:
    """Return the disks of the running system; none for another root, and none where /proc is not to be had."""
    if root != Path("/"):
        return []
    try:
        return look(mounts.read())
    except OSError:
        return []
