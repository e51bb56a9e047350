# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers of people that did not start, as the hub notes them: what people wrote is in there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from .._common import clock, words

PATH = "srv/labserver/hub/state/failures.jsonl"
"""One JSON object a line, written by the hub, newest last."""
MOST_BYTES = 1 << 18  # of the end of the file: anybody who may start a server can make it long
MOST_ROWS = 20
DAY = timedelta(days=1)
KEYS = ("at", "user", "image", "reason", "sentence")


def read(root: Path, now: datetime) -> tuple[list[dict[str, object]], int]:
    """Return the failures of the last day, newest last and at most MOST_ROWS, and how many were left out.

    Empty on a host without a hub.
    """
    rows: list[dict[str, object]] = []
    for line in _lines(root / PATH):
        try:
            entry = json.loads(line)
            at = clock.past(entry["at"], now)
            if at is not None and now - at < DAY:
                rows.append({key: words.clean(entry.get(key) or "") for key in KEYS})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return rows[-MOST_ROWS:], max(0, len(rows) - MOST_ROWS)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the last lines of the file; one that begins before MOST_BYTES is left out."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - MOST_BYTES))
            lines = file.read(MOST_BYTES).split(b"\n")
    except OSError:
        return
    yield from lines[1:] if size > MOST_BYTES else lines
