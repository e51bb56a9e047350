# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup holds: decided from the settings and from what the other rooms say. All pure.

Databases that are in use are copied in SQLite's own way, other data that may not be copied while they are in use are
dumped by the command of their room, and the links of the registry's store are copied before its layers are read. These
copies lie in a staging folder under the path of what they stand for, so that a restore can put them there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .model import DATABASES, LEFT_OUT, REGISTRY, REGISTRY_LINKS, ROOTS, STAGE, Settings


@dataclass(frozen=True)
class Dump:
    """A command whose output stands for data that may not be copied while they are in use."""

    name: str
    command: tuple[str, ...]

    @property
    def file(self) -> str:
        """Where its output is staged."""
        return f"{STAGE}/dumps/{re.sub(r'[^A-Za-z0-9_.-]', '_', self.name)}"


@dataclass(frozen=True)
class Plan:
    """``paths`` are read in place, ``exclude`` is not; ``databases`` and ``links`` are staged, ``dumps`` are run."""

    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    databases: tuple[str, ...]
    links: str
    dumps: tuple[Dump, ...]


def compare(
    settings: Settings,
    roster: Mapping[str, Any],
    rooms: Mapping[str, Any],
    volumes: Callable[[str], Sequence[str]],
    exists: Callable[[str], bool],
) -> Plan:
    """Decide what is read.

    :param roster: The content of ``public/roster.json``; empty without people.
    :param rooms: File name -> content of each file of ``backup.d``.
    :param volumes: Name of a Compose project -> folders of its volumes on the host.
    :param exists: Tells whether a path is there.
    """
    items = [item for name in sorted(rooms) for item in rooms[name].get("items", [])]
    wanted = [*ROOTS, *settings.paths]
    if settings.homes:
        wanted += [user["home"] for _name, user in sorted(roster.get("users", {}).items())]
    for item in items:
        wanted += item.get("paths", [])
        if item.get("compose_project"):
            wanted += volumes(item["compose_project"])
    databases = tuple(path for path in DATABASES if exists(path))
    links = REGISTRY_LINKS if settings.registry and exists(REGISTRY_LINKS) else ""
    exclude = [*LEFT_OUT, *settings.exclude, *(f"{path}{end}" for path in databases for end in ("", "-*"))]
    if links:
        exclude.append(links)
    if not settings.registry:
        exclude.append(REGISTRY)
    dumps = tuple(Dump(item["name"], tuple(item["dump"])) for item in items if item.get("dump"))
    paths = sorted({path for path in wanted if exists(path)} | {STAGE})
    return Plan(tuple(paths), tuple(exclude), databases, links, dumps)
