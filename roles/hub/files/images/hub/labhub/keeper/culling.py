# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether a server is idle: no kernel busy, no CPU used, no output of a kernel or in a terminal. Pure.

Requests of a browser do not count as activity: an open page sends them all day, whether somebody uses it or not.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOOK_SECONDS = 30.0
LOOKS_WITHIN_A_WARNING = 4
JUMP_SECONDS = 60.0
"""A clock that differs by more than this from what passed since the last look has jumped."""
BUSY_CPU_SHARE = 0.05
"""A server that uses more than this part of a core works. An idle JupyterLab with a kernel uses a fifth of that."""


@dataclass(frozen=True)
class Observation:
    """What was seen of a server at one moment. ``cpu_seconds``: used since its start, None when it cannot be known."""

    at: float
    kernels: Sequence[Mapping[str, Any]] = ()
    terminals: Sequence[Mapping[str, Any]] = ()
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Watch:
    """What is remembered of a server between two looks. Times are seconds since the epoch."""

    active_at: float
    seen: Observation | None = None
    warned_at: float | None = None


def stamp(text: Any) -> float:
    """Return the seconds since the epoch of an ISO time, 0 when it is none."""
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def look(watch: Watch, now: Observation) -> Watch:
    """Return the memory after one more look: when the server was last active, and that a warning is void if it was."""
    active = watch.active_at
    for one in (*now.kernels, *now.terminals):
        active = max(active, stamp(one.get("last_activity")))
    if any(kernel.get("execution_state") in ("busy", "starting") for kernel in now.kernels):
        active = now.at
    before = watch.seen
    if before is not None and before.cpu_seconds is not None and now.cpu_seconds is not None and now.at > before.at:
        used = now.cpu_seconds - before.cpu_seconds
        if used / (now.at - before.at) > BUSY_CPU_SHARE:
            active = now.at
    active = min(active, now.at)  # a clock that jumped must not keep a server for ever
    warned = watch.warned_at if watch.warned_at is not None and active < watch.warned_at else None
    return Watch(active, now, warned)


def verdict(watch: Watch, now: float, idle_seconds: float, warning_seconds: float) -> str:
    """Return ``keep``, ``warn`` (nothing was said yet) or ``stop``.

    A server is stopped when it was idle for ``idle_seconds``, never earlier than ``warning_seconds`` after the warning.
    """
    idle = now - watch.active_at
    if idle < idle_seconds - warning_seconds:
        return "keep"
    if watch.warned_at is None:
        return "warn"
    return "stop" if idle >= idle_seconds and now - watch.warned_at >= warning_seconds else "keep"


def left(watch: Watch, now: float, idle_seconds: float, warning_seconds: float) -> float:
    """Return in how many seconds ``verdict`` says ``stop`` of a server in which nothing works from now on."""
    warned = watch.warned_at
    if warned is None:  # the warning comes so long before the end, but not before now
        warned = max(now, watch.active_at + idle_seconds - warning_seconds)
    return max(0.0, watch.active_at + idle_seconds - now, warned + warning_seconds - now)


def shifted(watch: Watch, seconds: float) -> Watch:
    """Return the memory after the clock jumped by so many seconds, which were neither work nor idleness."""
    warned = None if watch.warned_at is None else watch.warned_at + seconds
    seen = None if watch.seen is None else dataclasses.replace(watch.seen, at=watch.seen.at + seconds)
    return Watch(watch.active_at + seconds, seen, warned)


def pause_between_looks(warning_seconds: float, idle_seconds: float) -> float:
    """Return the seconds between two looks: often enough that who works again after the warning is seen."""
    return min(LOOK_SECONDS, warning_seconds / LOOKS_WITHIN_A_WARNING, idle_seconds / LOOKS_WITHIN_A_WARNING)
