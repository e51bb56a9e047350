# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page that the hub shows to its administrators: left where the hub reads it, and nobody else on the host."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from .._common import clock, files

PATH = "etc/labserver/hub/status.json"
HUB_GROUP = 64100
"""Whose file that is: names of people and of what failed stand in it."""


def leave(root: Path, page: str, now: datetime, group: int = HUB_GROUP) -> None:
    """Replace the page in one step. Raises OSError, on a host without a hub too."""
    content = json.dumps({"version": 1, "made": clock.stamp(now), "page": page}, ensure_ascii=False) + "\n"
    files.replace(root / PATH, content.encode(), 0o640, group=group)
