# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What administrators tell people, who opened their server, and what failed: kept in the form of announcements.

The hub alone writes and reads the file, ``messages.json`` in its state folder. It survives a restart.
"""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..exchange import files
from ..exchange.text import clean
from ..words.language import later

FILE = "messages.json"
LONGEST = 500
MOST = 500
"""Messages that are kept; the oldest go first."""
LONGEST_HOURS = 30 * 24
VISIT_HOURS = 24
VISITED = later("{who} opened your server at {at}.")
FAILED = later("The scheduled run of {notebook} at {at} failed. “Scheduled notebooks” on the first page says why.")
FAILED_HOURS = 72
_WRITING = threading.Lock()


def _read(path: Path, now: datetime.datetime) -> list[dict[str, Any]]:
    try:
        listed = json.loads(path.read_text())["announcements"]
        return [one for one in listed if datetime.datetime.fromisoformat(one["until"]) > now]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _add(path: Path, new: Mapping[str, Any], now: datetime.datetime, hours: float, replaced: Mapping[str, Any]) -> None:
    until = (now + datetime.timedelta(hours=hours)).isoformat(timespec="seconds")
    with _WRITING:
        others = [one for one in _read(path, now) if any(one.get(key) != value for key, value in replaced.items())]
        listed = [*others, {**new, "until": until, "from": now.isoformat(timespec="seconds")}][-MOST:]
        files.replace(path, (json.dumps({"version": 1, "announcements": listed}, indent=1) + "\n").encode())


def tell(path: Path, people: Sequence[str], text: str, sender: str, hours: float, now: datetime.datetime) -> None:
    """Tell people something for so many hours; the same words to the same people replace themselves. Raises OSError."""
    said = {"text": clean(text, LONGEST), "people": sorted(people)}
    _add(path, {**said, "severity": "warning", "by": sender}, now, min(hours, LONGEST_HOURS), said)


def visited(path: Path, owner: str, who: str, now: datetime.datetime) -> None:
    """Tell the owner of a server that somebody opened it; a later visit of the same replaces it. Raises OSError."""
    said = {"text": VISITED, "people": [owner], "by": who}
    values = {"who": clean(who, 100), "at": now.astimezone().strftime("%Y-%m-%d %H:%M")}
    _add(path, {**said, "values": values, "severity": "info"}, now, VISIT_HOURS, said)


def run_failed(path: Path, owner: str, notebook: str, began: datetime.datetime, now: datetime.datetime) -> None:
    """Tell somebody that a scheduled notebook failed; a later failure of the same replaces it. Raises OSError."""
    said = {"text": FAILED, "people": [owner], "by": f"run {clean(notebook, 400)}"}
    values = {"notebook": clean(notebook, 200), "at": began.astimezone().strftime("%Y-%m-%d %H:%M")}
    _add(path, {**said, "values": values, "severity": "warning"}, now, FAILED_HOURS, said)
