# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of people and groups: reading them, and the rule by which those of several groups become one person's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._common import sizes


@dataclass(frozen=True)
class Limits:
    """What a person may use; None means that nothing was said (the hub's default).

    ``cpu`` is a number of cores, ``memory_bytes`` bytes, ``images`` glob patterns of repository names, ``pids``
    the most processes and threads, ``servers`` how many servers the person may have at once, which share the rest.
    """

    cpu: float | None = None
    memory_bytes: int | None = None
    gpus: int | None = None
    images: tuple[str, ...] | None = None
    pids: int | None = None
    servers: int | None = None

    def data(self) -> dict[str, Any]:
        """Return the form of roster.json."""
        data = dict(vars(self))
        data["images"] = None if self.images is None else list(self.images)
        return data


KEYS = ("cpu", "memory", "gpus", "images", "pids", "servers")
SMALLEST_PIDS = 64
"""A bare JupyterLab with a kernel has about 40 threads."""
MOST_SERVERS = 10
"""Of one person: they share one person's memory, and a page lists them."""


def parse_limits(raw: Mapping[str, Any]) -> tuple[Limits, list[str]]:
    """Return the limits of an input mapping (keys of :data:`KEYS`) and what is wrong with them."""
    problems: list[str] = []
    cpu: float | None = None
    memory: int | None = None
    gpus: int | None = None
    images: tuple[str, ...] | None = None
    if raw.get("cpu") is not None:
        try:
            cpu = float(raw["cpu"])
            if isinstance(raw["cpu"], bool) or not 0 < cpu <= 4096:
                raise ValueError
        except (TypeError, ValueError):
            problems.append(f'limits.cpu "{raw["cpu"]}" is not a number of cores; give for example 2 or 0.5')
    if raw.get("memory") is not None:
        try:
            memory = sizes.parse(raw["memory"])
            if memory < 64 * 1024**2:
                raise ValueError(f'"{raw["memory"]}" is less than 64M, too little for a notebook; give for example 4G')
        except ValueError as error:
            problems.append(f"limits.memory {error}")
    if raw.get("gpus") is not None:
        try:
            gpus = int(str(raw["gpus"]))
            if gpus < 0:
                raise ValueError
        except ValueError:
            problems.append(f'limits.gpus "{raw["gpus"]}" is not a whole number; give 0, 1, 2, ...')
    if raw.get("images") is not None:
        if isinstance(raw["images"], list) and all(isinstance(item, str) and item for item in raw["images"]):
            images = tuple(dict.fromkeys(raw["images"]))
        else:
            problems.append('limits.images is not a list of patterns; give for example ["notebook", "teaching/*"]')
    pids, wrong = _parse_pids(raw.get("pids"))
    servers, more = _parse_servers(raw.get("servers"))
    return Limits(cpu, memory, gpus, images, pids, servers), problems + wrong + more


def _parse_pids(raw: object) -> tuple[int | None, list[str]]:
    if raw is None:
        return None, []
    try:
        pids = int(str(raw))
    except ValueError:
        pids = 0
    if pids < SMALLEST_PIDS:
        return None, [f'limits.pids "{raw}" is not a number of processes; give {SMALLEST_PIDS} or more']
    return pids, []


def _parse_servers(raw: object) -> tuple[int | None, list[str]]:
    if raw is None:
        return None, []
    try:
        servers = 0 if isinstance(raw, bool) else int(str(raw))
    except ValueError:
        servers = 0
    if not 1 <= servers <= MOST_SERVERS:
        return None, [f'limits.servers "{raw}" is not a number of servers; give 1 (as without it) to {MOST_SERVERS}']
    return servers, []


def merge(own: Limits, of_groups: Iterable[Limits]) -> Limits:
    """Return a person's limits: the own value where there is one, else what the groups grant.

    Of several groups the highest limit wins and the allowed images add up; a group that says nothing grants nothing.
    """
    groups = list(of_groups)
    patterns = [group.images for group in groups if group.images is not None]

    def highest(values: Iterable[Any]) -> Any:
        return max((value for value in values if value is not None), default=None)

    return Limits(
        cpu=own.cpu if own.cpu is not None else highest(group.cpu for group in groups),
        memory_bytes=own.memory_bytes if own.memory_bytes is not None else highest(g.memory_bytes for g in groups),
        gpus=own.gpus if own.gpus is not None else highest(group.gpus for group in groups),
        pids=own.pids if own.pids is not None else highest(group.pids for group in groups),
        servers=own.servers if own.servers is not None else highest(group.servers for group in groups),
        images=own.images
        if own.images is not None
        else (tuple(sorted({pattern for some in patterns for pattern in some})) if patterns else None),
    )
