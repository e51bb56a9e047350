# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a host is and what runs on it, without changing or installing anything."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable  # noqa: UP035  # collections.abc's cannot be subscripted by old Pythons

from .._common import process
from .model import PARTS, Facts, System

SYSTEMD_SECONDS = 30

# What tells of other software, and the finding it is.
PATHS = {
    "snap_docker": ("var/snap/docker", "snap/docker"),
    "tljh": ("opt/tljh",),
    "jupyterhub": ("etc/systemd/system/jupyterhub.service", "lib/systemd/system/jupyterhub.service"),
}
PODMAN_DOCKER = "var/lib/dpkg/info/podman-docker.list"
PORTS = (80, 443)
LISTEN = "0A"  # state of a socket in /proc/net/tcp


@dataclass(frozen=True)
class World:
    """Where facts come from. ``active`` tells which of the named services run, ``free`` the free bytes of a folder."""

    root: Path
    kernel: str
    architecture: str
    python: tuple[int, int, int]
    free: Callable[[Path], int]
    active: Callable[[list[str]], set[str]]

    def text(self, path: str) -> str:
        """Return the content of a file; empty where there is none or it may not be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.root / path)


def here() -> World:
    """Return the world of the host that this runs on."""
    return World(
        Path("/"),
        platform.release(),
        platform.machine(),
        (sys.version_info[0], sys.version_info[1], sys.version_info[2]),
        lambda folder: shutil.disk_usage(folder).free,
        active_services,
    )


def active_services(names: list[str]) -> set[str]:
    """Ask systemd which services run; none without systemd."""
    answers = process.call(["systemctl", "is-active", *names], SYSTEMD_SECONDS).output.decode(errors="replace").split()
    return {name for name, answer in zip(names, answers) if answer == "active"}  # noqa: B905  # Python 3.8


def read(world: World) -> Facts:
    """Return the facts about the host."""
    found = {name for name, paths in PATHS.items() if any(world.exists(path) for path in paths)}
    # After "apt-get remove" the list stays, with the files of configuration alone.
    if "/usr/bin/docker" in world.text(PODMAN_DOCKER).splitlines():
        found.add("podman_docker")
    if "jupyterhub" in found and "tljh" in found:
        found.remove("jupyterhub")  # it is TLJH's
    # The unit ufw.service is active on every Ubuntu; whether ufw has rules is in its own file.
    if "ENABLED=yes" in world.text("etc/ufw/ufw.conf").splitlines():
        found.add("ufw")
    if "firewalld" in world.active(["firewalld"]):
        found.add("firewalld")
    if world.exists("run/cloud-init/enabled") and not world.exists("var/lib/cloud/instance/boot-finished"):
        found.add("cloud_init")
    return Facts(
        system(world.text("etc/os-release") or world.text("usr/lib/os-release")),
        world.kernel,
        world.architecture,
        cgroup(world),
        world.text("proc/1/comm").strip() or "unknown",
        world.python,
        memory(world.text("proc/meminfo")),
        world.free(world.root / "var"),
        listeners(world),
        frozenset(found),
        world.exists("usr/local/sbin/labserver"),
        frozenset(part for part in PARTS if world.exists(f"etc/labserver/services.d/{part}.json")),
    )


def system(text: str) -> System:
    """Read os-release(5)."""
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            try:
                values[name] = " ".join(shlex.split(value))
            except ValueError:  # a quote without its end
                values[name] = value
    if "ID" not in values:
        return System()
    return System(
        values["ID"].lower(),
        values.get("VERSION_ID", ""),
        tuple(values.get("ID_LIKE", "").split()),
        values.get("VERSION_CODENAME", ""),
        values.get("PRETTY_NAME") or values["ID"],
    )


def cgroup(world: World) -> str:
    """Return which cgroup hierarchy the host has."""
    if world.exists("sys/fs/cgroup/cgroup.controllers"):
        return "v2"
    return "hybrid" if world.exists("sys/fs/cgroup/unified/cgroup.controllers") else "v1"


def memory(meminfo: str) -> int:
    """Return the size of memory in bytes from /proc/meminfo."""
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def listeners(world: World) -> dict[int, str]:
    """Return which program listens on the ports of a web server, on any address of the host but the loopback ones."""
    inodes = {}
    for table in ("proc/net/tcp", "proc/net/tcp6"):
        for line in world.text(table).splitlines()[1:]:
            fields = line.split()
            address, _colon, port = fields[1].partition(":")
            loopback = (address.endswith("7F") and len(address) == 8) or address == "0" * 24 + "01000000"
            if fields[3] == LISTEN and int(port, 16) in PORTS and not loopback:
                inodes[f"socket:[{fields[9]}]"] = int(port, 16)
    found = dict.fromkeys(inodes.values(), "unknown")
    if not inodes:
        return found
    for running in (world.root / "proc").iterdir():
        if running.name.isdigit():
            try:
                links = {os.readlink(entry) for entry in (running / "fd").iterdir()}  # noqa: PTH115  # Python 3.8
            except OSError:  # it ended, or is not ours to look at
                continue
            for link in links & set(inodes):
                found[inodes[link]] = world.text(f"proc/{running.name}/comm").strip() or "unknown"
    return found
