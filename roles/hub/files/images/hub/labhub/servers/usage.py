# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running server uses now: memory and processor, as Docker counts them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

FORGOTTEN_SECONDS = 60.0
"""Two counts that are further apart say too little about now."""


def cpu_seconds(stats: Mapping[str, Any]) -> float | None:
    """Return the CPU time of Docker's statistics; None where the engine does not know it (it then says 0)."""
    used = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage") or 0
    return used / 1e9 if used else None


def memory_bytes(stats: Mapping[str, Any]) -> int | None:
    """Return the memory in use without files that the kernel only keeps at hand, as ``docker stats`` shows it.

    The name of that number is ``total_inactive_file`` with cgroup v1 and ``inactive_file`` with v2.
    """
    memory = stats.get("memory_stats") or {}
    usage = memory.get("usage")
    if not usage:
        return None
    detail = memory.get("stats") or {}
    spare = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    return int(usage - spare) if spare < usage else int(usage)


@dataclass
class Meter:
    """Remembers each server's last count of CPU time, so that the next one tells how many cores it uses."""

    clock: Callable[[], float] = time.monotonic
    _counts: dict[str, tuple[float, float]] = field(default_factory=dict)

    def read(self, name: str, stats: Mapping[str, Any]) -> dict[str, float | int | None]:
        """Return ``memory_bytes`` and ``cores`` of a server; None for what is not known (yet)."""
        now, used = self.clock(), cpu_seconds(stats)
        self._counts = {key: one for key, one in self._counts.items() if now - one[0] < FORGOTTEN_SECONDS}
        before = self._counts.get(name)
        cores = None
        if used is not None:
            if before is not None and now > before[0] and used >= before[1]:
                cores = round((used - before[1]) / (now - before[0]), 2)
            self._counts[name] = (now, used)
        return {"memory_bytes": memory_bytes(stats), "cores": cores}
