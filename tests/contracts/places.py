# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers that take some setting up, each in one place: the hub's files below a root, and the plan of a backup."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._backup import model as backup_model
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import read as backup_read
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.plan import Plan, compare
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.world import World as BackupWorld
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import uses as registry_uses
from labhub.exchange.file import ExchangeFile
from labhub.exchange.settings import Settings
from labhub.exchange.sources import Sources


def hub_settings(root: Path, **changes: Any) -> Settings:
    """Return the hub's settings with the folders of the exchange files below ``root``."""
    usual = Settings()
    return dataclasses.replace(
        usual,
        public_folder=str(root / usual.public_folder.lstrip("/")),
        catalogue_file=str(root / usual.catalogue_file.lstrip("/")),
        usage_file=str(root / usual.usage_file.lstrip("/")),
        status_file=str(root / usual.status_file.lstrip("/")),
        published_file=str(root / usual.published_file.lstrip("/")),
        **changes,
    )


def hub_file(pick: Callable[[Sources], ExchangeFile[Any]]) -> Callable[[Path], Callable[[], Any]]:
    """Return how the hub opens one of its exchange files, for a reader of the contracts."""

    def open_file(root: Path) -> Callable[[], Any]:
        file = pick(hub_sources(root))
        return file.current

    return open_file


def hub_sources(root: Path) -> Sources:
    """Return the exchange files as the hub opens them."""
    return Sources(hub_settings(root))


class _Volumes:
    """An engine with one volume for each Compose project, and no container."""

    def get(self, path: str, filters: Mapping[str, list[str]], **_query: str) -> Any:
        if path != "/volumes":
            return []
        name = filters["label"][0].rpartition("=")[2] + "_data"
        return {"Volumes": [{"Name": name, "Mountpoint": f"/var/lib/docker/volumes/{name}/_data"}]}


def backup_plan(root: Path, there: Sequence[str]) -> Plan:
    """Return what a backup of the host below ``root`` would read; the folders ``there`` are made first."""
    for path in there:
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    engine: Any = _Volumes()
    settings = backup_model.Settings("/mnt/backup", "secret", "lab1")
    return compare(settings, *backup_read.read(BackupWorld(root, engine=engine), settings))


def uses(catalogue: Path | None = None, named: Path | None = None, choices: Path | None = None) -> list[Any]:
    """Return the images that a host says it uses, by these files alone."""
    sources = registry_uses.Sources((), [catalogue] if catalogue else (), named, choices, hub=None)
    return registry_uses.read(sources)


def backup_settings(content: bytes) -> backup_model.Settings:
    """Return the settings of a backup from the content of their file."""
    return backup_model.settings_from(content.decode())
