# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What failed in the last two weeks: a day, a kind and a name with how often, the worst level and the last words.

Logs are rotated, and a status file knows the last run alone. This file is bounded whatever fails, and however often.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from .._common import clock, exchange, files, lock, words

PATH = "var/lib/labserver/status/failures.json"
"""Only root reads it: it names people."""
LOCK = "failures"
WAIT_SECONDS = 5.0
KEEP_DAYS = 14
MOST_NAMES = 60
"""Of a kind and day; what more there is counts together under OTHERS."""
OTHERS = "others"
HINT = "the next failure begins it anew"
WORDS = 200  # characters of the last words
JOB, SERVICE, START = "job", "service", "start"
KINDS = (JOB, SERVICE, START)
LEVELS = ("warning", "critical")

Entry = dict[str, Any]
Days = dict[str, dict[str, dict[str, Entry]]]
"""Day of the host (ISO 8601) -> kind -> name -> ``times``, ``level``, ``last`` (UTC) and ``message``."""


@dataclass(frozen=True)
class Failure:
    """One failure. ``kind`` is JOB, SERVICE or START, ``level`` one of LEVELS; ``at`` has its zone."""

    kind: str
    name: str
    level: str
    at: datetime
    message: str


@dataclass(frozen=True)
class History:
    """What is kept. ``starts_until``: the time of the last start of a server that was counted, or empty."""

    days: Days
    starts_until: str = ""


def add(days: Mapping[str, Any], failures: Iterable[Failure], today: date) -> Days:
    """Return the days with these failures counted in, and without what is older than KEEP_DAYS."""
    first = (today - timedelta(days=KEEP_DAYS - 1)).isoformat()
    kept: Days = json.loads(json.dumps({day: kinds for day, kinds in days.items() if first <= day}))
    for one in failures:
        day = one.at.astimezone().date().isoformat()
        if not first <= day <= (today + timedelta(days=1)).isoformat():
            continue
        names = kept.setdefault(day, {}).setdefault(one.kind, {})
        name = words.clean(one.name) or "-"
        if name not in names and len(names) >= MOST_NAMES:
            name = OTHERS
        entry = names.setdefault(name, {"times": 0, "level": one.level, "last": "", "message": ""})
        entry["times"] += 1
        entry["level"] = max(entry["level"], one.level, key=LEVELS.index)
        if entry["last"] <= (last := clock.stamp(one.at)):
            entry.update(last=last, message=words.clean(one.message, WORDS))
    return dict(sorted(kept.items()))


def read(root: Path) -> History:
    """Return what is kept; nothing where nothing failed yet. Raises OSError, ValueError."""
    try:
        content = (root / PATH).read_bytes()
    except FileNotFoundError:
        return History({})
    try:
        data = exchange.parse(content, f"/{PATH}")
    except exchange.ExchangeError as error:
        raise exchange.ExchangeError(f"{str(error).removesuffix(exchange.HINT)}{HINT}") from None
    try:
        rows = [
            (str(day), str(kind), str(name), _entry(entry))
            for day, kinds in data["days"].items()
            for kind, names in kinds.items()
            if kind in KINDS  # a newer release may know others
            for name, entry in names.items()
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise exchange.ExchangeError(f"/{PATH} is damaged: {error!r}; {HINT}") from None
    days: Days = {}
    for day, kind, name, entry in rows:
        days.setdefault(day, {}).setdefault(kind, {})[name] = entry
    return History(days, str(data.get("starts_until") or ""))


def read_or_begin(root: Path) -> History:
    """Return what is kept; nothing where that is damaged. Raises OSError."""
    try:
        return read(root)
    except ValueError:
        return History({})


def note(root: Path, failures: Iterable[Failure], now: datetime, starts_until: str = "") -> None:
    """Count failures in. A disk that takes nothing must not end what was at work, so that is said and no more."""
    found = list(failures)
    if not found:
        return
    try:
        with lock.hold(root, LOCK, WAIT_SECONDS):
            before = read_or_begin(root)
            days = add(before.days, found, now.astimezone().date())
            content = {"version": 1, "days": days, "starts_until": starts_until or before.starts_until}
            path = root / PATH
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.replace(path, json.dumps(content).encode() + b"\n", 0o600)
    except (OSError, lock.BusyError) as error:
        sys.stderr.write(f"labserver: what failed could not be kept: {words.clean(error, WORDS)}\n")


def _entry(entry: Mapping[str, Any]) -> Entry:
    level = str(entry["level"])
    if level not in LEVELS:
        raise ValueError(f"level {level!r}")
    return {"times": int(entry["times"]), "level": level, "last": str(entry["last"]), "message": str(entry["message"])}
