# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup holds: decided from the settings and from what the other rooms say. All pure.

Databases that are in use are copied in SQLite's own way, other data that may not be copied while they are in use are
dumped by the command of their room, and the links of the registry's store are copied before its layers are read. These
copies lie in a staging folder under the path of what they stand for, so that a restore can put them there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

ROOTS = ("/etc/labserver", "/srv/labserver")
# docs/interfaces.md, "what the hub keeps".
DATABASES = ("/srv/labserver/hub/state/jupyterhub.sqlite", "/srv/labserver/hub/state/passwords.sqlite")
REGISTRY = "/srv/labserver/registry"
REGISTRY_LINKS = f"{REGISTRY}/docker/registry/v2/repositories"
# Data of the NAS, which has a backup of its own; copies that can be made again; what belongs to the moment.
LEFT_OUT = ("/srv/labserver/shares", "/srv/labserver/hub/state/copies", f"{REGISTRY}/.locks", f"{REGISTRY}/.trash.*")
STAGE = "/var/lib/labserver/backup/stage"
MANIFEST = f"{STAGE}/manifest.json"


class SettingsError(Exception):
    """The settings of the backup cannot be used."""


@dataclass(frozen=True)
class Settings:
    """What the role wrote. ``environment`` goes to restic; ``keep`` tells how many snapshots stay, by period."""

    repository: str
    password: str
    host: str
    environment: Mapping[str, str] = field(default_factory=dict)
    mount_point: str = ""
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    homes: bool = True
    registry: bool = True
    keep: Mapping[str, int] = field(default_factory=dict)
    read_percent: float = 5.0
    drill_files: int = 100
    max_age_hours: float = 48.0


def settings_from(content: str) -> Settings:
    """Read the settings. Raises SettingsError without showing what is in them."""
    try:
        values = json.loads(content)
    except ValueError as error:
        raise SettingsError(f"they are not JSON: {error.args[0]}") from None
    if not isinstance(values, dict) or values.get("version") != 1:
        raise SettingsError("their version is not 1")
    known: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in values.items()
        if key in Settings.__dataclass_fields__
    }
    try:
        return Settings(**known)
    except TypeError as error:
        raise SettingsError(str(error)) from None


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


def staged(path: str) -> str:
    """Return where the copy of a path is staged."""
    return f"{STAGE}/copies{path}"


def decide(
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


def left_out(path: str, patterns: Sequence[str]) -> bool:
    """Tell whether restic would leave a path out: it, or a folder above it, matches one of the patterns."""
    here = PurePosixPath(path)
    return any(folder.match(pattern) for folder in (here, *here.parents) for pattern in patterns)


def covers(outer: str, inner: str) -> bool:
    """Tell whether ``inner`` is ``outer`` or lies below it."""
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


def copies_below(path: str, copies: Sequence[str]) -> list[str]:
    """Return those of the staged paths that a restore of ``path`` has to put in place."""
    return [copy for copy in copies if covers(path, copy)]
