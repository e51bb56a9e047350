# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the program that this process runs was replaced: then a service ends, and systemd starts the new one.

The program is a zip file, from which Python reads modules only when they are asked for: another file in its place must
not go unnoticed.
"""

from __future__ import annotations

import sys
from pathlib import Path


class OwnProgram:
    """The file that was started, as it was then."""

    def __init__(self, path: Path | None = None) -> None:
        """``path`` defaults to the program of this process."""
        self.path = path or Path(sys.argv[0])
        self.first = self._identity()

    def replaced(self) -> bool:
        """Tell whether another file lies in its place; one that is missing for the moment is not another one."""
        now = self._identity()
        return now is not None and now != self.first

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_mtime_ns
