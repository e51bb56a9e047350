# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers that take some setting up, each in one place: the hub's files below a root, and the plan of a backup."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._backup import plan as backup
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import run as backup_run
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import protect
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


def backup_plan(root: Path) -> backup.Plan:
    """Return what a backup of the host below ``root`` would read."""
    public, rooms = root / "etc/labserver/public", root / "etc/labserver/backup.d"
    return backup.decide(
        backup.Settings("r", "p", "lab1"),
        backup_run._json(public / "roster.json"),
        {file.name: backup_run._json(file) for file in rooms.glob("*.json")},
        volumes=lambda project: [f"/var/lib/docker/volumes/{project}_data/_data"],
        exists=lambda _path: True,
    )


def catalogue_protection(path: Path) -> list[str]:
    """Return the digests that the registry keeps because the hub offers them."""
    return sorted(protect.gather(catalogues=[path]).digests)


def backup_settings(content: bytes) -> backup.Settings:
    """Return the settings of a backup from the content of their file."""
    return backup.settings_from(content.decode())
