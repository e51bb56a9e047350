# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people are told of a restart that is coming, on the hub's pages and in JupyterLab."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._common import files
from .window import Told

FILE = "etc/labserver/public/reboot.json"
TEXT = (
    "This lab server is restarted for updates between {begins} and {ends}. Running servers stop then: what is saved in"
    " files stays, what is in memory alone is lost. Save your work, and end long computations before."
)
"""The hub translates it (``labhub.portal.board``) and puts the values in."""
GRAVE = timedelta(hours=1)
"""So long before the window it is shown in red."""
COMES_BACK = timedelta(minutes=15)
"""So long after the order to restart it is shown at most: by then the host is back, or is not there to show it."""


def announcements(told: Told, notice: timedelta) -> list[dict[str, Any]]:
    """Return what is shown from ``notice`` before the window to its end."""
    begins, ends = told.window.begins, told.window.ends
    grave = max(begins - GRAVE, begins - notice)
    entries = [_entry(told, "warning", begins - notice, grave)] if begins - notice < grave else []
    return [*entries, _entry(told, "danger", grave, ends)]


def at_once(told: Told, now: datetime) -> list[dict[str, Any]]:
    """Return what is shown while the host goes down and comes back."""
    return [_entry(told, "danger", now, now + COMES_BACK)]


def _entry(told: Told, severity: str, begins: datetime, ends: datetime) -> dict[str, Any]:
    window = told.window
    values = {
        "begins": f"{window.begins.astimezone():%Y-%m-%d %H:%M}",
        "ends": f"{window.ends.astimezone():%H:%M %Z}",
    }
    period = {"from": _iso(begins), "until": _iso(ends)}
    return {"text": TEXT, "severity": severity, **period, "groups": None, "values": values}


def _iso(moment: datetime) -> str:
    return moment.astimezone().isoformat(timespec="seconds")


def tell(root: Path, listed: list[dict[str, Any]]) -> None:
    """Write what is announced, or take it back when that is nothing. A host without a hub has nobody to read it."""
    path = root / FILE
    if not listed or not path.parent.is_dir():
        path.unlink(missing_ok=True)
        return
    content = (json.dumps({"version": 1, "announcements": listed}) + "\n").encode()
    if not path.exists() or path.read_bytes() != content:
        files.replace(path, content)
