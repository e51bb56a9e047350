# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What failed: servers of people that did not start, as the hub notes them, and all failures of the last days.

What people wrote is in there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._common import clock, words
from .._schedule import history
from .._schedule.history import Failure, History

PATH = "srv/labserver/hub/state/failures.jsonl"
"""One JSON object a line, written by the hub, newest last."""
MOST_BYTES = 1 << 18  # of the end of the file: anybody who may start a server can make it long
MOST_TO_COUNT = 1 << 22  # all that the hub keeps
MOST_ROWS = 20
DAY = timedelta(days=1)
KEYS = ("at", "user", "image", "reason", "sentence")
MOST_OF_DAYS = 200
"""Rows of the last days, the newest first."""


def read(root: Path, now: datetime) -> tuple[list[dict[str, object]], int]:
    """Return the failed starts of the last day, newest last and at most MOST_ROWS, and how many were left out.

    Empty on a host without a hub. Raises OSError.
    """
    rows: list[dict[str, object]] = [
        {key: words.clean(entry.get(key) or "") for key in KEYS} for at, entry in _entries(root, now) if now - at < DAY
    ]
    return rows[-MOST_ROWS:], max(0, len(rows) - MOST_ROWS)


def uncounted(root: Path, known: History, now: datetime) -> tuple[list[Failure], str]:
    """Return the failed starts that the history does not know yet, and the time of the last one. Raises OSError."""
    until = _moment(known.starts_until)
    new = [(at, entry) for at, entry in _entries(root, now, MOST_TO_COUNT) if until is None or at > until]
    found = [
        Failure(
            history.START,
            words.clean(entry.get("user") or "somebody"),
            "warning",  # a person's server; that of the hub itself is a service
            at,
            f"{words.clean(entry.get('image') or 'unknown image')}: {words.clean(entry.get('sentence') or '')}",
        )
        for at, entry in new
    ]
    return found, max((at for at, _entry in new), default=now).isoformat() if new else known.starts_until


def _moment(text: str) -> datetime | None:
    # Also one ahead of a clock that was set back: what was counted before must not count twice.
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        return None


def of_days(root: Path, now: datetime) -> dict[str, Any]:
    """Return what failed on each of the last days, newest day first, with starts that nobody has counted yet.

    ``rows`` have ``day``, ``kind``, ``name``, ``level``, ``times``, ``last`` and ``message``, ``times`` by
    kind stand beside them. Raises OSError, ValueError.
    """
    known = history.read(root)
    new, _until = uncounted(root, known, now)
    days = history.add(known.days, new, now.astimezone().date())
    rows = [
        {"day": words.clean(day), "kind": kind, "name": words.clean(name), **_cleaned(entry)}
        for day, kinds in sorted(days.items(), reverse=True)
        for kind in history.KINDS
        for name, entry in sorted(kinds.get(kind, {}).items())
    ]
    shown = {"days": history.KEEP_DAYS, "rows": rows[:MOST_OF_DAYS], "left_out": max(0, len(rows) - MOST_OF_DAYS)}
    return {
        **shown,
        "times": {kind: sum(row["times"] for row in rows if row["kind"] == kind) for kind in history.KINDS},
    }


def _cleaned(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: words.clean(value) if isinstance(value, str) else value for key, value in entry.items()}


def _entries(root: Path, now: datetime, most: int = MOST_BYTES) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    """Yield the failed starts that the hub noted, each with its time; lines that are none are skipped."""
    for line in _lines(root / PATH, most):
        try:
            entry = json.loads(line)
            at = clock.past(entry["at"], now)
            if at is not None:
                yield at, entry
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def _lines(path: Path, most: int) -> Iterator[bytes]:
    """Yield the last lines of the file; one that begins before ``most`` bytes is left out."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            lines = file.read(most).split(b"\n")
    except FileNotFoundError:
        return
    yield from lines[1:] if size > most else lines
