# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup touches of its host: the file system, restic, the Docker engine, the clock. Handed in for the tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import clock, exchange, mounts
from .._common.docker_api import DockerEngine
from .model import SETTINGS, Settings, SettingsError, settings_from
from .restic import IDENTITY, Done, Repository, run_restic


@dataclass(frozen=True)
class World:
    """Paths of the host are texts that begin with ``/``; ``at`` says where they are below ``root``."""

    root: Path = Path("/")
    now: Callable[[], datetime] = clock.utc_now
    mounts: Callable[[], Sequence[mounts.Mount]] = mounts.read
    engine: DockerEngine = field(default_factory=DockerEngine)
    restic: Callable[[Settings], Callable[[Sequence[str]], Done]] = run_restic

    def at(self, path: str) -> Path:
        """Return where a path of the host is for this program."""
        return self.root / path.lstrip("/")

    def settings(self) -> Settings:
        """Read the settings that the role wrote. Raises SettingsError."""
        try:
            return settings_from(self.at(SETTINGS).read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{SETTINGS}: {error.strerror}; run the role backup") from error
        except SettingsError as error:
            raise SettingsError(f"{SETTINGS}: {error}") from None

    def json(self, path: str) -> Any:
        """Read a file that another room writes; None when there is none. Raises SettingsError."""
        try:
            return exchange.parse(self.at(path).read_bytes(), path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error}") from error
        except exchange.ExchangeError as error:
            raise SettingsError(str(error)) from None

    def state(self, path: str) -> Any:
        """Read a file that an earlier backup wrote; None when there is none that can be read."""
        try:
            return json.loads(self.at(path).read_bytes())
        except (OSError, ValueError):
            return None

    def mount_points(self) -> list[str]:
        """Return where something is mounted; an automount alone is nothing yet."""
        return [mount.target for mount in self.mounts() if mount.fstype != "autofs"]

    def repository(self, settings: Settings) -> Repository:
        """Return the repository of the settings."""
        return Repository(settings, self.restic(settings), self.mount_points, self.at(IDENTITY))
