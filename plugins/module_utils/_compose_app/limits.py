# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``docker update`` changes of a container: how that was when it was made, and what sets it back.

No label tells it, and what Docker makes of a definition depends on its version. So it is noted for each container at
the end of the first run that finds it, and a container that is made anew is another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common import sizes

NONE = {"--memory-swap": "-1", "--cpu-quota": "-1", "--pids-limit": "-1"}
"""What takes a limit off a container that exists; of the others Docker takes no such value."""
WORDS = {
    "--memory": "memory limit",
    "--memory-swap": "limit of memory and swap",
    "--memory-reservation": "memory reservation",
    "--cpus": "CPU limit",
    "--cpu-quota": "CPU quota",
    "--cpu-shares": "CPU weight",
    "--cpuset-cpus": "CPUs",
    "--blkio-weight": "block I/O weight",
    "--pids-limit": "process limit",
    "--restart": "restart policy",
}
"""By the option of ``docker update``."""


def of(host: Mapping[str, Any]) -> dict[str, str]:
    """Return the limits of a container (``HostConfig`` of docker inspect) by option, in bytes and cores; no zeros."""

    def count(name: str) -> str:
        number = int(host.get(name) or 0)
        return str(number) if number > 0 else ""

    policy = host.get("RestartPolicy") or {}
    restart, most = str(policy.get("Name") or "no"), int(policy.get("MaximumRetryCount") or 0)
    found = {
        "--memory": count("Memory"),
        "--memory-swap": count("MemorySwap"),
        "--memory-reservation": count("MemoryReservation"),
        "--cpus": f"{int(host['NanoCpus']) / 1e9:.9f}".rstrip("0").rstrip(".") if count("NanoCpus") else "",
        "--cpu-quota": count("CpuQuota"),
        "--cpu-shares": count("CpuShares"),
        "--cpuset-cpus": str(host.get("CpusetCpus") or ""),
        "--blkio-weight": count("BlkioWeight"),
        "--pids-limit": count("PidsLimit"),
        "--restart": f"{restart}:{most}" if most else restart,
    }
    return {option: value for option, value in found.items() if value}


def shown(option: str, had: Mapping[str, str]) -> str:
    """Return a limit for people."""
    value = had.get(option, "none")
    return sizes.text(int(value)) if option.startswith("--memory") and value.isdigit() else value


def changes(made: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return what was changed since the container was made, in words."""
    return [
        f"{words} {shown(option, now)}, was {shown(option, made)}"
        for option, words in WORDS.items()
        if made.get(option) != now.get(option)
    ]


def back(made: Mapping[str, str], now: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the options that set a container back, and what no option sets back, in words."""
    options, stuck = [], []
    for option, words in WORDS.items():
        value = made.get(option) or NONE.get(option, "")
        if made.get(option) == now.get(option):
            continue
        if value and not (option == "--memory-swap" and "--memory" not in made):
            options += [option, value]
        else:
            stuck.append(f"{words} {shown(option, now)}")
    return options, stuck
