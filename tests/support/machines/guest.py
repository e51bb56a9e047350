# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest: a lab server on user-mode Linux or under qemu. It writes to a copy-on-write file beside its image."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from . import emulator, image, kernel
from .places import CONTROL, KEY, NAMESPACE, NAS, RUN
from .process import INSIDE, ended, sh, start_process, stop_process, wait_for
from .recipes import RECIPE

SSH = [
    "-i", str(KEY), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4",
    "-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath=/tmp/{NAMESPACE}-%C",
]  # fmt: skip


# The same for programs that take a file of settings: `ssh -F`.
SSH_CONFIG = RUN / "ssh_config"
SETTINGS = f"""\
Host {CONTROL[2]}
  IdentityFile {KEY}
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  ConnectTimeout 10
  ServerAliveInterval 10
  ServerAliveCountMax 6
"""


# How long a boot may take; under emulation everything is ten times as slow.
BOOT_SECONDS = 900 if RECIPE.emulated else 120


def ssh(*command: str) -> list[str]:
    """Return the command that runs another in the guest, as root."""
    return [*INSIDE, "ssh", *SSH, f"root@{CONTROL[2]}", *command]


def start(wait: bool = True) -> float:
    """Boot the guest from its copy-on-write disk; return the seconds until ssh answered (0 without waiting)."""
    used = RUN / "image"  # which stays that of this run, whatever happens to the sources meanwhile
    if not used.exists():
        used.write_text(str(image.build()))
    disk = Path(used.read_text())
    command = emulator.command(disk, _homes()) if RECIPE.emulated else _user_mode(disk)
    with (RUN / "console").open("ab") as out:
        start_process("guest", command, out)
    return wait_for(_answers, BOOT_SECONDS, "ssh") if wait else 0.0


def _user_mode(disk: Path) -> list[str]:
    # Kernel and programs of the guest wait for each other at every system call: three times as fast on one processor.
    return [
        "taskset", "--cpu-list", str(max(os.sched_getaffinity(0))),
        *kernel.command(), f"mem={RECIPE.memory}", f"ubd0={RUN / 'disk.cow'},{disk}",
        *(f"ubd1={disk}" for disk in _homes()),
        "root=/dev/ubda", "rw", "quiet", f"vec0:transport=tap,ifname={CONTROL[0]}",
        *([f"vec1:transport=tap,ifname={NAS[0]}"] if RECIPE.nas else []), "con=null", "con0=null,fd:1",
    ]  # fmt: skip


def _homes() -> list[Path]:
    """Return the disk of /home, which is made when it is missing; nothing for a recipe without."""
    if not RECIPE.homes:
        return []
    disk = RUN / "homes.img"
    if not disk.exists():
        sh("truncate", "-s", "2G", disk)
        sh("mkfs.ext4", "-q", "-F", "-O", "quota", disk)
    return [disk]


def _answers() -> bool:
    """Tell whether ssh answers; raises AssertionError with the end of the console when the kernel has ended instead."""
    if ended("guest"):
        console = (RUN / "console").read_text(errors="replace").splitlines()
        raise AssertionError("\n".join(["the guest's kernel has ended; its console says:", *console[-40:]]))
    return run("true", check=False, timeout=10).returncode == 0


def wait_until_booted() -> None:
    """Wait for all units, and take the package lists, which came with the image, for fresh."""
    booted = "systemctl is-system-running --wait || { systemctl --failed --plain; exit 1; }"
    run(f"{booted}; touch /var/lib/apt/periodic/update-success-stamp", timeout=BOOT_SECONDS + 180)


def stop() -> None:
    """Pull the guest's plug, as a power cut does."""
    # A shared connection to a machine that is no more would make the next ones wait for it.
    sh(*INSIDE, "ssh", *SSH, "-O", "exit", f"root@{CONTROL[2]}", check=False, capture_output=True)
    stop_process("guest")


def run(command: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a shell command as root in the guest and return what it said.

    Raises AssertionError when it fails, unless ``check`` is False. ``timeout`` is in seconds; status 124: it was over.
    """
    try:
        options: dict[str, Any] = {"check": False, "capture_output": True, "stdin": subprocess.DEVNULL}
        done = sh(*ssh(command), timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        if check:
            raise
        return subprocess.CompletedProcess(command, 124, "", "timeout")
    if check and done.returncode:
        raise AssertionError(f"{command!r} in the guest: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done
