# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role wrote for the record of the usage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .._common import exchange

FILE = "etc/labserver/hub/usage-settings.json"


@dataclass(frozen=True)
class Settings:
    """``keep_days``: how long months are kept after their end. ``cgroup_parent``: the group of all servers."""

    keep_days: int
    cgroup_parent: str


def load(root: Path) -> Settings:
    """Read the settings; raises OSError or ValueError, which say what to do."""
    document = exchange.parse((root / FILE).read_bytes(), f"/{FILE}")
    try:
        return Settings(int(document["keep_days"]), str(document["cgroup_parent"]))
    except (KeyError, TypeError, ValueError) as error:
        raise exchange.ExchangeError(f"/{FILE} is damaged ({error!r}); {exchange.HINT}") from error
