# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the notebooks of all people together may use, so that the host and the hub keep a reserve.

All notebooks lie in one control group, which the hub's settings name as Docker's ``CgroupParent`` and the guard before
Docker's socket demands. With Docker's cgroup driver ``systemd`` it is a slice of systemd, with ``cgroupfs`` a group of
its own beside those of systemd; both under cgroup v1 and v2. ``labserver notebooks-limits`` sets the limits when the
host starts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import process
from .._common.docker_api import SOCKET, DockerEngine, EngineError
from .._common.files import tell_kernel

NAME = "labnotebooks"
SLICE = f"{NAME}.slice"
CONFIG = Path("/etc/labserver/hub/notebooks.json")
PERIOD_MICROSECONDS = 100_000
WEIGHT = 50
"""Share of the CPU when all want it; systemd's and Docker's other groups have 100."""
V1_SHARES = 512
"""The same in the units of cgroup v1, where others have 1024."""
SMALLEST_PROCESSES = 1024
SYSTEMD_SECONDS = 60


@dataclass(frozen=True)
class Host:
    """Size of a host: bytes of memory, cores, and how many processes its kernel can have."""

    memory_bytes: int
    cpus: int
    processes: int


@dataclass(frozen=True)
class Limits:
    """What all notebooks together may use. ``cpus`` None: all cores that nobody else wants."""

    memory_bytes: int
    cpus: float | None
    processes: int


def limits(host: Host, reserve_memory_bytes: int, reserve_cpus: float) -> Limits:
    """Return the size of the host without the reserve; at least half of the host is for the notebooks."""
    return Limits(
        memory_bytes=max(host.memory_bytes - reserve_memory_bytes, host.memory_bytes // 2),
        cpus=max(host.cpus - reserve_cpus, host.cpus / 2) if reserve_cpus > 0 else None,
        processes=max(host.processes * 3 // 4, SMALLEST_PROCESSES),
    )


def read_host(proc: Path = Path("/proc"), cpus: int | None = None) -> Host:
    """Return the size of this host."""
    fields = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines())
    most = min(int((proc / "sys" / "kernel" / name).read_text()) for name in ("pid_max", "threads-max"))
    return Host(int(fields["MemTotal"].split()[0]) * 1024, cpus or os.cpu_count() or 1, most)


def own_group(proc_cgroup: str) -> str:
    """Return the group in which the host's first process was started, from /proc/1/cgroup: empty on a real host."""
    found = ""
    for line in proc_cgroup.splitlines():
        _number, controllers, path = line.split(":", 2)
        if controllers == "" or "memory" in controllers.split(","):
            found = path.removesuffix("/init.scope").rstrip("/")
            if controllers:  # cgroup v1, which may have an empty tree of v2 beside it
                break
    return found


def parent(driver: str, proc_cgroup: str) -> str:
    """Return Docker's ``CgroupParent`` of the notebooks for a cgroup driver."""
    return SLICE if driver == "systemd" else f"{own_group(proc_cgroup)}/{NAME}"


def of_engine(engine: DockerEngine, proc: Path = Path("/proc")) -> str:
    """Return the ``CgroupParent`` for an engine; empty when there is none to ask."""
    try:
        info: dict[str, Any] = engine.get("/info")
    except EngineError:
        return ""
    return of_info(info, proc)


def of_info(info: Mapping[str, Any], proc: Path = Path("/proc")) -> str:
    """Return the ``CgroupParent`` for what an engine says of itself; empty when it says nothing."""
    return parent(str(info.get("CgroupDriver")), (proc / "1" / "cgroup").read_text()) if info else ""


def slice_command(wanted: Limits) -> list[str]:
    """Return the command that gives systemd's slice its limits."""
    quota = "" if wanted.cpus is None else f"{round(wanted.cpus * 100)}%"
    return [
        "systemctl",
        "set-property",
        "--runtime",
        SLICE,
        f"MemoryMax={wanted.memory_bytes}",
        f"CPUWeight={WEIGHT}",
        f"CPUQuota={quota}",
        f"TasksMax={wanted.processes}",
    ]


def write_v1(root: Path, group: str, wanted: Limits) -> None:
    """Make the group below each controller of cgroup v1 and write its limits."""
    folders = {name: root / name / group.lstrip("/") for name in ("memory", "cpu", "pids")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    memory = str(wanted.memory_bytes)
    both = [folders["memory"] / name for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")]
    files = [file for file in both if file.exists()]  # the second is missing where swap is not counted
    # Memory with swap may never be less than memory alone: the order depends on whether it grows or shrinks.
    growing = bool(files) and int(files[0].read_text()) < wanted.memory_bytes
    for file in reversed(files) if growing else files:
        tell_kernel(file, memory)
    tell_kernel(folders["cpu"] / "cpu.shares", str(V1_SHARES))
    quota = -1 if wanted.cpus is None else int(wanted.cpus * PERIOD_MICROSECONDS)
    tell_kernel(folders["cpu"] / "cpu.cfs_quota_us", str(quota))
    tell_kernel(folders["pids"] / "pids.max", str(wanted.processes))


def write_v2(root: Path, group: str, wanted: Limits) -> None:
    """Make the group in the one tree of cgroup v2 and write its limits."""
    folder = root / group.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for above in reversed([path for path in folder.parents if path == root or root in path.parents]):
        tell_kernel(above / "cgroup.subtree_control", "+cpu +memory +pids")
    quota = "max" if wanted.cpus is None else str(int(wanted.cpus * PERIOD_MICROSECONDS))
    tell_kernel(folder / "memory.max", str(wanted.memory_bytes))
    tell_kernel(folder / "cpu.weight", str(WEIGHT))
    tell_kernel(folder / "cpu.max", f"{quota} {PERIOD_MICROSECONDS}")
    tell_kernel(folder / "pids.max", str(wanted.processes))


def _run(command: Sequence[str]) -> None:
    done = process.call(command, SYSTEMD_SECONDS)
    if done.status != 0:
        raise OSError(f"{' '.join(command)}: {done.words}")


def apply(
    group: str, wanted: Limits, root: Path = Path("/sys/fs/cgroup"), run: Callable[[Sequence[str]], None] = _run
) -> None:
    """Give the notebooks' group its limits; raises OSError."""
    if group == SLICE:
        run(slice_command(wanted))
    elif (root / "cgroup.controllers").exists():
        write_v2(root, group, wanted)
    else:
        write_v1(root, group, wanted)


def main(argv: Sequence[str]) -> int:
    """Set the limits as ``notebooks.json`` wants them, and say what they are."""
    argparse.ArgumentParser(prog="labserver notebooks-limits", description=__doc__).parse_args(list(argv))
    config = json.loads(CONFIG.read_text(encoding="utf-8"))
    wanted = limits(read_host(), int(config["reserve_memory_bytes"]), float(config["reserve_cpus"]))
    group = of_engine(DockerEngine(SOCKET))
    if not group:
        sys.stderr.write("no Docker engine answers; the notebooks have no limits of their own yet\n")
        return 1
    try:
        apply(group, wanted)
    except OSError as error:
        sys.stderr.write(f"{group}: {error}; notebooks that run may use more memory than the limit: stop some\n")
        return 1
    cpus = "all" if wanted.cpus is None else f"{wanted.cpus:g}"
    sys.stdout.write(
        f"{group}: {wanted.memory_bytes >> 20} MiB of memory, {cpus} cores, {wanted.processes} processes at most\n"
    )
    return 0
