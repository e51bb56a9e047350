# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container of this machine's engine uses, as the kernel counts it: control groups of version 1 and 2."""

from __future__ import annotations

import re
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


def _number(text: str, key: str) -> int:
    found = re.search(rf"^{key} (\d+)$", text, re.M)
    return int(found[1]) if found else 0


def _second(identity: str) -> Path:
    """Return the group of a container where there is version 2, with either driver of Docker."""
    folders = (GROUPS / f"system.slice/docker-{identity}.scope", GROUPS / "docker" / identity)
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def cpu_seconds(identity: str) -> float:
    """Return the CPU time that a container has used; ``identity`` is its whole id."""
    first = GROUPS / "cpuacct/docker" / identity / "cpuacct.usage"
    if first.exists():
        return int(first.read_text()) / 1e9
    return _number((_second(identity) / "cpu.stat").read_text(), "usage_usec") / 1e6


def memory_bytes(identity: str) -> int:
    """Return the memory that a container itself takes, without files that the kernel only keeps at hand."""
    first = GROUPS / "memory/docker" / identity
    if first.is_dir():
        kernel = first / "memory.kmem.usage_in_bytes"
        stat = (first / "memory.stat").read_text()
        return sum(_number(stat, key) for key in ("total_rss", "total_shmem")) + int(kernel.read_text())
    stat = (_second(identity) / "memory.stat").read_text()
    return sum(_number(stat, key) for key in ("anon", "shmem", "kernel"))
