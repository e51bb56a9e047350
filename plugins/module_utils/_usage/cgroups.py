# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's counters of a container: where its control group lies, and what it says, with cgroup v1 and v2."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .model import Reading

MOUNT = "sys/fs/cgroup"
LONGEST = 65536


@dataclass(frozen=True)
class Group:
    """The files of a container's group."""

    cpu: str
    memory: str
    detail: str


def locate(root: Path, pid: int, container: str) -> Group | None:
    """Return the group of a container by the id of its first process; None when it cannot be found."""
    try:
        lines = (root / "proc" / str(pid) / "cgroup").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    places: dict[str, tuple[str, str]] = {}
    for line in lines:
        controllers, colon, path = line.partition(":")[2].partition(":")
        if not colon:
            continue
        for controller in controllers.split(","):
            places[controller] = (controllers, path)
    if "cpuacct" in places and "memory" in places:  # cgroup v1, which may have an empty tree of v2 beside it
        cpu, memory = (_folder(root, *places[name], container) for name in ("cpuacct", "memory"))
        names = ("cpuacct.usage", "memory.usage_in_bytes", "memory.stat")
    elif "" in places:
        cpu = memory = _folder(root, *places[""], container)
        names = ("cpu.stat", "memory.current", "memory.stat")
    else:
        return None
    if cpu is None or memory is None:
        return None
    return Group(str(cpu / names[0]), str(memory / names[1]), str(memory / names[2]))


def _folder(root: Path, controllers: str, path: str, container: str) -> Path | None:
    """Return the folder of a container's group; its processes may lie in groups below it."""
    parts = path.strip("/").split("/")
    index = next((at for at, part in enumerate(parts) if container in part), None)
    if index is None or ".." in parts:  # in a namespace of its own the path would lead elsewhere
        return None
    return Path(root, MOUNT, controllers, *parts[: index + 1])


def read(group: Group) -> Reading | None:
    """Return what a group says; None when it is gone."""
    try:
        cpu = cpu_ns(_content(group.cpu))
        memory, spare = int(_content(group.memory)), _spare(_content(group.detail))
    except (OSError, ValueError):
        return None
    return Reading(cpu, memory - spare if spare < memory else memory)


def read_parent(root: Path, parent: str) -> int | None:
    """Return the counter of the group of all servers (Docker's ``CgroupParent``); None when there is none."""
    if not parent:
        return None
    mount, below = root / MOUNT, parent.strip("/")
    for path in (f"{below}/cpu.stat", f"cpu,cpuacct/{below}/cpuacct.usage", f"cpuacct/{below}/cpuacct.usage"):
        try:
            return cpu_ns(_content(str(mount / path)))
        except (OSError, ValueError):
            continue
    return None


def cpu_ns(content: bytes) -> int:
    """Return the nanoseconds of ``cpu.stat`` (v2) or ``cpuacct.usage`` (v1); raises ValueError."""
    if content.startswith(b"usage_usec "):
        return int(content.split(None, 2)[1]) * 1000
    return int(content)


def _spare(content: bytes) -> int:
    """Return the bytes of files that the kernel only keeps at hand, as ``docker stats`` leaves them out."""
    for name in (b"total_inactive_file ", b"inactive_file "):
        at = content.find(b"\n" + name)
        if at >= 0:
            return int(content[at + 1 + len(name) :].split(None, 1)[0])
    return 0


def _content(path: str) -> bytes:
    """Return a small file, with three calls of the system: this is done for each server every few seconds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, LONGEST)
    finally:
        os.close(descriptor)
