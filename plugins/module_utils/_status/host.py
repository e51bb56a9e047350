# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the signs of the host that no service tells of: disks, memory, kernel, units, clock, secrets.

``signs`` judges them.

In a container the kernel is another's: only what lies in files of the host itself is looked at there.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .._common import mounts, paths, process
from .._updates import job as updates
from .._updates import state as updates_state
from . import disks, drives, growth, in_force, listening, services, signs
from .services import Health, Service

COMMAND_SECONDS = 10.0
FAILED_UNITS = ("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full", "--no-pager")
MOST_MESSAGES = 200_000
SECRETS = (
    "alerts.json", "certificates.json", "outgoing.env", "jobs.d/*.json", "backup/settings.json", "accounts/*.json",
    "hub/secrets/*", "hub/catalogue.json", "hub/proxy/token", "registry/secrets/*", "registry/container/http_secret",
    "registry/container/pushers", "registry/container/readers", "tls/.versions/*/*/key.pem", "shares/credentials/*",
)  # fmt: skip
"""Below /etc/labserver."""


@dataclass(frozen=True)
class World:
    """Whom the questions go to; handed in for the tests."""

    root: Path = Path("/")
    now: Callable[[], float] = time.time
    capture: Callable[[Sequence[str], float], tuple[process.Result, str]] = process.capture
    statvfs: Callable[[str], os.statvfs_result] = os.statvfs
    kernel: Callable[[], bytes] | None = None
    containers: Callable[[], Any] = services.engine_containers

    def text(self, path: str) -> str:
        """Return a file of the host; empty where there is none."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def said(self, *command: str) -> str | None:
        """Return what a command says; None where it fails or is not there."""
        result, text = self.capture(command, COMMAND_SECONDS)
        return text if result.status == 0 else None

    def answer(self, *command: str) -> str:
        """Return what a command writes, however it ends."""
        return self.capture(command, COMMAND_SECONDS)[1]

    @property
    def uptime(self) -> float:
        """Seconds since the boot."""
        return float((self.text("proc/uptime") or "0").split()[0])


def look(world: World, *, mend: bool = True) -> list[Health]:
    """Return how the host is, one entry for each matter. Without ``mend`` nothing is written."""
    found: dict[str, signs.Verdict] = {}
    if mend:
        found["secrets"] = signs.secrets(close(world.root / paths.CONFIGURATION.lstrip("/")))
    found["cron"] = in_force.cron_entries(world.root, mend=mend)
    found["mounts"] = in_force.mounted(world.root, world.said, mend=mend)
    own = disks.local(mounts.parse(world.text("proc/self/mountinfo")))
    of_disks = growth.of_disks(world.root, room(world, own), world.now(), keep=mend)
    found["homes"] = growth.of_homes(world.root, world.now(), keep=mend)
    if not contained(world.root):
        found["writable"] = signs.writable(own, planned_read_only(world.text("etc/fstab")))
        found |= of_disks
        found["kernel"] = signs.kernel(messages(kernel_log(world), world.uptime))
        found["memory"] = signs.memory(world.text("proc/pressure/memory"))
        found["raid"] = signs.raid(world.text("proc/mdstat"))
        found |= drives.look(world.answer)
        projects = {one.project for one in services.read(world.root)[0] if one.project}
        found["ports"] = listening.look(world.root, world.containers, projects, keep=mend)
        found["units"] = signs.units(world.said(*FAILED_UNITS) or "")
        found["restart"] = restart(world)
        synchronized = world.said("timedatectl", "show", "--property=NTPSynchronized", "--value")
        found["clock"] = signs.clock(synchronized or "", world.uptime)
    return [Health(Service(f"host-{name}"), level, message) for name, (level, message) in found.items()]


def of_host(root: Path, *, mend: bool = True) -> list[Health]:
    """Return how the running system is; nothing for another root. Without ``mend`` nothing is written."""
    return look(World(), mend=mend) if root == Path("/") else []


def contained(root: Path) -> bool:
    """Tell whether this is a container."""
    return (root / "run/systemd/container").exists() or (root / ".dockerenv").exists()


def planned_read_only(fstab: str) -> list[str]:
    """Return the mount points that fstab wants to be read only."""
    lines = [line.split() for line in fstab.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [mounts.unescape(line[1]) for line in lines if len(line) >= 4 and "ro" in line[3].split(",")]


def close(folder: Path) -> dict[str, int]:
    """Take the right to read secrets from everybody else; returns the files that had it, with their modes."""
    opened = {}
    for pattern in SECRETS:
        for path in folder.glob(pattern):
            try:
                mode = path.lstat().st_mode
                if stat.S_ISREG(mode) and mode & 0o007:
                    path.chmod(stat.S_IMODE(mode) & ~0o007)
                    opened[f"{paths.CONFIGURATION}/{path.relative_to(folder)}"] = stat.S_IMODE(mode)
            except OSError:
                continue
    return opened


def room(world: World, own: Sequence[mounts.Mount]) -> dict[str, int]:
    """Return how many bytes are free on each disk."""
    free = {}
    for mount in own:
        with contextlib.suppress(OSError):
            numbers = world.statvfs(mount.target)
            free[mount.target] = numbers.f_bavail * numbers.f_frsize
    return free


def restart(world: World) -> signs.Verdict:
    """Judge the file by which updates ask for a restart."""
    try:
        age = world.now() - (world.root / "run/reboot-required").stat().st_mtime
    except OSError:
        return signs.restart(None, ())
    planned = updates.planned(updates_state.read(world.root), datetime.fromtimestamp(world.now(), UTC))
    return signs.restart(age, world.text("run/reboot-required.pkgs").split(), planned)


def kernel_log(world: World) -> bytes:
    """Return the kernel's messages as ``/dev/kmsg`` has them; empty where they cannot be read."""
    if world.kernel is not None:
        return world.kernel()
    try:
        descriptor = os.open(world.root / "dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    pieces: list[bytes] = []
    try:
        for _message in range(MOST_MESSAGES):
            try:
                pieces.append(os.read(descriptor, 16384))
            except BrokenPipeError:  # messages were overwritten while they were read
                continue
            except OSError:
                break
    finally:
        os.close(descriptor)
    return b"".join(pieces)


def messages(log: bytes, uptime: float) -> list[signs.Line]:
    """Return the messages of ``/dev/kmsg`` (``priority,number,microseconds,flags;text``) with their age."""
    found = []
    for line in log.decode("utf-8", "replace").splitlines():
        head, semicolon, text = line.partition(";")
        fields = head.split(",")
        if not semicolon or len(fields) < 3 or not fields[2].isdigit() or not fields[0].isdigit():
            continue  # a line that goes on with details begins with a space
        if int(fields[0]) >> 3 == 0:  # written by the kernel: what programs write there proves nothing
            found.append(signs.Line(max(uptime - int(fields[2]) / 1e6, 0.0), text))
    return found
