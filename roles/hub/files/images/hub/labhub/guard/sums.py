# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all servers of one person take together: never more than the person's limits, whatever the hub asks for. Pure.

Docker's own record of each container counts, not what the hub says of it. Containers for files, runs and builds are no
servers: they stand beside these, and there is one of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..servers import names, server
from ..servers.server import Allowance
from .calls import RefusedError

ENDED = ("exited", "dead", "removing")
"""States in Docker's list of a container that uses nothing. One that was created counts: it is about to start."""
SMALLEST_MEMORY = 32 * 1024**2


def counts(listed: Mapping[str, Any]) -> bool:
    """Tell whether a container, as Docker lists it, uses something or is about to."""
    return listed.get("State") not in ENDED


def told(containers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the hub is told of a person's servers: the name of each, and what it may use."""
    return [
        {"server": str(((one.get("Config") or {}).get("Labels") or {}).get(names.LABEL, "")),
         **vars(server.allowed_of(one))}
        for one in containers
    ]  # fmt: skip


def whole(settings: Settings, person: Person) -> Allowance:
    """Return what all servers of a person may use together."""
    most = server.allowance(settings, person)
    return Allowance(most.cpu, max(most.memory_bytes, SMALLEST_MEMORY), most.pids)


def check(settings: Settings, person: Person, own: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> None:
    """Raise RefusedError when a server would be one too many, or take more than the others leave.

    ``own`` is what Docker is asked for, or shows of it; ``others`` are the person's other servers as Docker shows them.
    """
    if len(others) >= person.most_servers:
        raise RefusedError(
            f"{person.name} already has {len(others)} of at most {person.most_servers} servers"
            f" ({', '.join(_name(one) for one in others)})"
        )
    most, wanted = whole(settings, person), server.allowed_of(own)
    taken = [server.allowed_of(one) for one in others]
    problems = []
    for what, unit, limit, asked, held in (
        ("memory", "bytes", most.memory_bytes, wanted.memory_bytes, [one.memory_bytes for one in taken]),
        ("processor", "thousandths of a core", _thousandths(most.cpu), _thousandths(wanted.cpu),
         [_thousandths(one.cpu) for one in taken]),
        ("processes", "in number", most.pids, wanted.pids, [one.pids for one in taken]),
    ):  # fmt: skip
        # Where Docker has no limit (somebody took it away), that server may use everything.
        total = sum(one or limit for one in (asked, *held))
        if total > limit:
            problems.append(f"{what} {total} of {limit} {unit}")
    if problems:
        raise RefusedError(
            f"the servers of {person.name} together would have more than one person: {', '.join(problems)}"
        )


def _thousandths(cpu: float) -> int:
    """Return cores in thousandths: quotas are whole microseconds, so less than that is rounding."""
    return round(cpu * 1000)


def _name(container: Mapping[str, Any]) -> str:
    return str(container.get("Name", "")).removeprefix("/")
