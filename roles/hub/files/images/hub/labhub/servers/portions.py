# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one of several servers of a person may use: a portion of the person's limits, which all of them share. Pure.

Who may have one server alone has all of it, and nothing to choose. Otherwise people choose memory; the processor and
the number of processes go with it. That the sum stays below the limits is decided by the guard, from the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..words.amounts import amount
from ..words.language import gettext, later
from .server import Allowance

MIB = 1024**2
SMALLEST_BYTES = 256 * MIB
"""Less is offered to nobody: JupyterLab with a kernel needs it."""
SMALLEST_CPU, SMALLEST_PIDS = 0.1, 64
NOTHING_LEFT = later("Your other servers take all that you may use ({others}). Stop one of them first.")
TOO_MUCH = later(
    "{wanted} of memory is more than the {left} that is left for this server (others: {others}). Choose less."
)
TOO_MANY = later("You may have {most} servers at once, and these run: {others}. Stop one of them first.")
NO_AMOUNT = later("{wanted} is not an amount of memory: a whole number of MiB is.")
FIRST = later("first server")
NOT_ALLOWED = later("You may have one server. Ask the administrator if you need more.")


@dataclass(frozen=True)
class Held:
    """A server that runs, and what it may use. ``server`` is its name, empty for the first one."""

    server: str
    allowed: Allowance


def held(told: Iterable[Mapping[str, Any]]) -> tuple[Held, ...]:
    """Return what the guard told of a person's servers."""
    return tuple(
        Held(str(one["server"]), Allowance(float(one["cpu"]), int(one["memory_bytes"]), int(one["pids"])))
        for one in told
    )


def left(whole: Allowance, others: Iterable[Held]) -> Allowance:
    """Return what the other servers of a person leave of all that the person may use; never below nothing."""
    taken = list(others)
    return Allowance(
        cpu=max(0.0, round(whole.cpu - sum(one.allowed.cpu for one in taken), 5)),
        memory_bytes=max(0, whole.memory_bytes - sum(one.allowed.memory_bytes for one in taken)),
        pids=max(0, whole.pids - sum(one.allowed.pids for one in taken)),
    )


def enough(rest: Allowance, whole: Allowance) -> bool:
    """Tell whether a server can be started with what is left; who has less than that altogether may use it."""
    return (
        rest.memory_bytes >= min(SMALLEST_BYTES, whole.memory_bytes)
        and rest.cpu >= min(SMALLEST_CPU, whole.cpu)
        and rest.pids >= min(SMALLEST_PIDS, whole.pids)
    )


def portion(whole: Allowance, rest: Allowance, memory_bytes: int) -> Allowance:
    """Return the portion with so much memory, at most ``rest``: all of the rest for all memory that is left."""
    if memory_bytes >= rest.memory_bytes // MIB * MIB:
        return rest
    part = memory_bytes / whole.memory_bytes
    return Allowance(
        cpu=min(max(SMALLEST_CPU, int(whole.cpu * part * 100) / 100), rest.cpu),
        memory_bytes=memory_bytes,
        pids=min(max(SMALLEST_PIDS, int(whole.pids * part)), rest.pids),
    )


def usual(whole: Allowance, rest: Allowance, servers: int) -> Allowance:
    """Return what a server gets when nobody chose: an equal part, so that all ``servers`` can run at once."""
    equal = max(whole.memory_bytes // servers, SMALLEST_BYTES) // MIB * MIB
    return portion(whole, rest, min(equal, rest.memory_bytes))


def offered(whole: Allowance, rest: Allowance, servers: int, chosen: Allowance) -> tuple[Allowance, ...]:
    """Return what the form offers, the most first: all that is left, halves of the whole, and what is ``chosen``."""
    sizes = {whole.memory_bytes // 2**step // MIB * MIB for step in range(1, 6)}
    sizes |= {usual(whole, rest, servers).memory_bytes, rest.memory_bytes, chosen.memory_bytes}
    fitting = [size for size in sizes if min(SMALLEST_BYTES, rest.memory_bytes) <= size <= rest.memory_bytes]
    return tuple(portion(whole, rest, size) for size in sorted(fitting, reverse=True))


def refusal(
    whole: Allowance, others: Sequence[Held], servers: int, memory_bytes: int = 0
) -> tuple[str, dict[str, str]] | None:
    """Return why no server of so much memory can be started beside the others; None when it can.

    That is the sentence in English, and the values that belong into it.
    """
    rest, values = left(whole, others), {"others": named(others)}
    if len(others) >= servers:
        return TOO_MANY, {**values, "most": str(servers)}
    if not enough(rest, whole):
        return NOTHING_LEFT, values
    if memory_bytes // MIB > -(-rest.memory_bytes // MIB):
        return TOO_MUCH, {**values, "wanted": amount(memory_bytes), "left": amount(rest.memory_bytes)}
    return None


def wish(options: Mapping[str, Any]) -> int | None:
    """Return the memory in bytes that somebody chose (``memory``, in MiB), 0 for no choice, None for no amount."""
    raw = options.get("memory")
    if raw in (None, ""):
        return 0
    try:
        wanted = int(str(raw)) * MIB
    except ValueError:
        return None
    return wanted if wanted > 0 else None


def named(others: Iterable[Held]) -> str:
    """Return the servers of a person with their memory, in words."""
    return ", ".join(f"{one.server or gettext(FIRST)}: {amount(one.allowed.memory_bytes)}" for one in others)
