# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role wrote for people's images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .._common import exchange

FILE = "etc/labserver/hub/builds-settings.json"


@dataclass(frozen=True)
class Settings:
    """The registry with the user who may push, the hub's file of builds, and who may have how much.

    ``groups``: for these an image may be made; ``most_bytes``: of the files of one environment.
    """

    registry: str
    plain_http: bool
    username: str
    password_file: str
    builds_file: str
    groups: tuple[str, ...]
    most_bytes: int


def load(root: Path) -> Settings:
    """Read the settings; raises OSError or ValueError, which say what to do."""
    document = exchange.parse((root / FILE).read_bytes(), f"/{FILE}")
    try:
        return Settings(
            registry=str(document["registry"]),
            plain_http=document["plain_http"] is True,
            username=str(document["username"]),
            password_file=str(document["password_file"]),
            builds_file=str(document["builds_file"]),
            groups=tuple(str(name) for name in document["groups"]),
            most_bytes=int(document["most_bytes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise exchange.ExchangeError(f"/{FILE} is damaged ({error!r}); {exchange.HINT}") from error
