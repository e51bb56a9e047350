# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the parts of a backup share: its places on the host, and the settings that the role wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from .._common import paths

SETTINGS = "/etc/labserver/backup/settings.json"
ROOMS = "/etc/labserver/backup.d"
ROSTER = "/etc/labserver/public/roster.json"
ROOTS = (paths.CONFIGURATION, paths.DATA)
# docs/reference/interfaces.md, "what the hub keeps".
DATABASES = (
    "/srv/labserver/hub/state/jupyterhub.sqlite",
    "/srv/labserver/hub/state/passwords.sqlite",
    "/srv/labserver/usage/usage.sqlite",
)
REGISTRY = "/srv/labserver/registry"
REGISTRY_LINKS = f"{REGISTRY}/docker/registry/v2/repositories"
# Data of the NAS, which has a backup of its own; copies that can be made again; what belongs to the moment.
LEFT_OUT = (
    paths.SHARES,
    "/srv/labserver/hub/state/copies",
    f"{REGISTRY}/.locks",
    f"{REGISTRY}/.trash.*",
    f"{REGISTRY}-caches",
)
STATE = "/var/lib/labserver/backup"
STAGE = f"{STATE}/stage"
MANIFEST = f"{STAGE}/manifest.json"
# Two tags, so that a snapshot in which something is missing never takes the place of a complete one when old ones go.
TAG = "labserver"
INCOMPLETE = "labserver-incomplete"
ANY = ("--tag", TAG, "--tag", INCOMPLETE)


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


def staged(path: str) -> str:
    """Return where the copy of a path is staged."""
    return f"{STAGE}/copies{path}"


def left_out(path: str, patterns: Sequence[str]) -> bool:
    """Tell whether restic would leave a path out: it, or a folder above it, matches one of the patterns."""
    here = PurePosixPath(path)
    return any(excluded(folder, patterns) for folder in (here, *here.parents))


def excluded(path: str | PurePosixPath, patterns: Sequence[str]) -> bool:
    """Tell whether the path itself matches one of the patterns; for walks that have passed the folders above."""
    here = PurePosixPath(path)
    return any(here.match(pattern) for pattern in patterns)


def covers(outer: str, inner: str) -> bool:
    """Tell whether ``inner`` is ``outer`` or lies below it."""
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


def copies_below(path: str, copies: Sequence[str]) -> list[str]:
    """Return those of the staged paths that a restore of ``path`` has to put in place."""
    return [copy for copy in copies if covers(path, copy)]
