# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the program of the certificates touches besides the network; handed in for the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .._common import clock


@dataclass(frozen=True)
class World:
    """Root of the file system, clock, sleep and host name (empty: that of the running system)."""

    root: Path = Path("/")
    now: Callable[[], datetime] = clock.utc_now
    sleep: Callable[[float], None] = time.sleep
    host: str = ""
