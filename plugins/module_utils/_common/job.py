# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scheduled job and its runner agree on: exit statuses, and the line for the status table and the alert."""

from __future__ import annotations

import os
import sys
from pathlib import Path

OK, WARNING, CRITICAL, BUSY = 0, 1, 2, 3
"""Exit statuses. Busy: the same job, or one that works on the same things, is running already."""
LEVEL_OF_EXIT = {OK: "ok", WARNING: "warning"}
"""Every other status is critical."""

VARIABLE = "LABSERVER_SUMMARY"
NAME_VARIABLE = "LABSERVER_JOB"
"""Tells a command of which job it is a run; its runner holds that job's lock."""


def leave(line: str) -> None:
    """Write the line where the runner looks for it; nothing when no runner asked for one."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    try:
        Path(path).write_text(line + "\n", encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"the summary could not be written: {error}\n")
