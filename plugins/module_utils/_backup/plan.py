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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .model import DATABASES, LEFT_OUT, REGISTRY, REGISTRY_LINKS, STAGE, Settings, covers
from .sources import Current, Look, Source


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


def patterns(settings: Settings) -> list[str]:
    """Return what is never wanted in the backup."""
    return [*LEFT_OUT, *settings.exclude, *([] if settings.registry else [REGISTRY])]


def compare(
    settings: Settings, sources: Sequence[Source], items: Sequence[Mapping[str, Any]], current: Current
) -> Plan:
    """Decide what is read, of all that the backup has to hold and that is there.

    restic saves a symbolic link as a link. So where a source is one, what it leads to is read as well, with all that is
    to be left out below it.
    """
    there = {source.path for source in sources if current.looks.get(source.path, Look(there=False)).there}
    databases = tuple(path for path in DATABASES if path in there)
    links = REGISTRY_LINKS if settings.registry and REGISTRY_LINKS in there else ""
    exclude = [*patterns(settings), *(f"{path}{end}" for path in databases for end in ("", "-*"))]
    exclude += [links] if links else []
    leads_to = {path: current.looks[path].link for path in there if current.looks[path].link}
    exclude += [
        target + pattern[len(path) :]
        for path, target in sorted(leads_to.items())
        for pattern in exclude
        if covers(path, pattern)
    ]
    dumps = tuple(Dump(item["name"], tuple(item["dump"])) for item in items if item.get("dump"))
    staged = {*DATABASES, REGISTRY_LINKS}
    paths = sorted(((there | set(leads_to.values())) - staged) | {STAGE})
    return Plan(tuple(paths), tuple(exclude), databases, links, dumps)
