# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host looks after for people's servers that run: their limits, and what they write outside of homes.

``systemctl daemon-reload``, which every update of packages runs, takes two things from running containers:

- ``memory.swap.max`` becomes no limit (moby issue 51446): what Docker recorded is written again, as are the other
  limits where somebody took them away.
- Graphics cards, unless ``/dev/char`` has links to their devices, which NVIDIA's driver does not make: systemd looks
  devices up there when it builds a container's list anew (NVIDIA's container toolkit, "containers losing access to
  GPUs").
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import files, labels, sizes

SCARCE = 0.05
"""A file system with less than this part of its room or of its inodes free is reported."""


PAGE = 4096
"""The kernel keeps sizes in whole pages."""
PERIOD = 100_000
"""Microseconds; Docker's own default."""


@dataclass(frozen=True)
class Room:
    """How full a file system is: parts from 0 to 1 that are free. ``inodes`` is 1 where there is no such limit."""

    path: str
    space: float
    inodes: float


def swap_limit(container: Mapping[str, Any]) -> int | None:
    """Return the bytes of swap that Docker granted a container; None where there is no limit."""
    limits = container["HostConfig"]
    memory, both = int(limits.get("Memory") or 0), int(limits.get("MemorySwap") or 0)
    return both - memory if memory > 0 and both >= memory else None


def limits_of(container: Mapping[str, Any]) -> dict[str, str]:
    """Return what Docker granted a container, by the files of cgroup v2; only what has a limit."""
    granted = container["HostConfig"]
    memory, processes = int(granted.get("Memory") or 0), int(granted.get("PidsLimit") or 0)
    quota, period = int(granted.get("CpuQuota") or 0), int(granted.get("CpuPeriod") or 0) or PERIOD
    swap = swap_limit(container)
    found = {
        "memory.max": memory // PAGE * PAGE,
        "memory.swap.max": -1 if swap is None else swap // PAGE * PAGE,
        "pids.max": processes,
    }
    limits = {
        name: str(value) for name, value in found.items() if value > 0 or (name == "memory.swap.max" and value == 0)
    }
    return {**limits, "cpu.max": f"{quota} {period}"} if quota > 0 else limits


def mend_limits(containers: Iterable[Mapping[str, Any]], root: Path = Path("/")) -> list[str]:
    """Write limits of running containers again where they were lost; returns which of whose. For cgroup v2 alone.

    A memory limit below what is in use would end programs, so it is left until there is room.
    """
    mended = []
    for container in containers:
        try:
            lines = (root / "proc" / str(container["State"]["Pid"]) / "cgroup").read_text().splitlines()
        except OSError:  # ended meanwhile
            continue
        group = next((line[3:] for line in lines if line.startswith("0::/")), "").strip("/")
        if not group or "/../" in f"/{group}/":  # in a namespace of its own it would lead outside of what is seen here
            continue
        folder, lost = root / "sys/fs/cgroup" / group, []
        for name, limit in limits_of(container).items():
            try:
                if (folder / name).read_text().strip() == limit:
                    continue
                if name == "memory.max" and int((folder / "memory.current").read_text()) > int(limit):
                    continue
                files.tell_kernel(folder / name, limit)
            except (OSError, ValueError):  # ended meanwhile, cgroup v1, or swap is not counted
                continue
            lost.append(name)
        if lost:
            whose = container["Config"]["Labels"].get(labels.USER) or container["Name"].removeprefix("/")
            mended.append(f"{', '.join(lost)} of {whose}")
    return mended


def link_cards(containers: Iterable[Mapping[str, Any]], root: Path = Path("/")) -> list[str]:
    """Make the links below ``/dev/char`` to NVIDIA's devices when a container uses some; returns the devices.

    The same as ``nvidia-ctk system create-dev-char-symlinks --create-all`` does.
    """
    if not any(container["HostConfig"].get("DeviceRequests") for container in containers):
        return []
    made = []
    for device in sorted([*(root / "dev").glob("nvidia*"), *(root / "dev" / "nvidia-caps").glob("*")]):
        status = device.stat()
        link = root / "dev" / "char" / f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        if stat.S_ISCHR(status.st_mode) and not link.is_symlink():
            link.symlink_to(Path("..") / device.relative_to(root / "dev"))
            made.append(str(device.relative_to(root / "dev")))
    return made


def written(containers: Iterable[Mapping[str, Any]], most_bytes: int) -> list[str]:
    """Return a sentence for each container that has written more than ``most_bytes`` outside of homes and shares.

    ``containers`` as Docker shows them with ``size``.
    """
    return [
        f"{container['Name'].removeprefix('/')} has written {sizes.text(size)} outside of its home (more than"
        f" {sizes.text(most_bytes)}); it goes when the server is stopped"
        for container in containers
        if (size := int(container.get("SizeRw") or 0)) > most_bytes > 0
    ]


def room(paths: Iterable[str]) -> list[Room]:
    """Return how full the file systems of some folders are, each once; a folder that is not there is passed over."""
    found: dict[int, Room] = {}
    for path in paths:
        try:
            device, status = Path(path).stat().st_dev, os.statvfs(path)
        except OSError:
            continue
        space = status.f_bavail / status.f_blocks if status.f_blocks else 1.0
        inodes = status.f_favail / status.f_files if status.f_files else 1.0
        found.setdefault(device, Room(path, space, inodes))
    return list(found.values())


def scarce(rooms: Iterable[Room]) -> list[str]:
    """Return a sentence for each file system that is nearly full."""
    return [
        f"the file system of {one.path} has {part:.1%} of its {what} left"
        for one in rooms
        for what, part in (("space", one.space), ("inodes", one.inodes))
        if part < SCARCE
    ]
