# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of what fills up: what is free on each disk, once an hour, and what is in each home, once a day.

The one record of it: the watch over the host, the status and the doctor go by it. It is bounded by the days that are
kept (``schedule_growth_days``), and one that is damaged begins anew and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .._common import clock, exchange, files, words
from .._schedule import alert
from . import trend
from .trend import DAY, HOUR, Points

BEFORE = "var/lib/labserver/disk-history.json"
"""A second record that there was until version 0.2."""
KEEP_DAYS = 60
HINT = "it begins anew with the next look"


@dataclass(frozen=True)
class Record:
    """One file: its path, the key of its points, seconds between two of them, its mode, and from how many bytes on that
    went in the last days there is a forecast."""

    path: str
    key: str
    every: float
    mode: int
    least: int


DISKS = Record("var/lib/labserver/status/disks.json", "free", HOUR, 0o644, 1 << 30)
HOMES = Record("var/lib/labserver/status/homes.json", "used", DAY, 0o600, 100 << 20)
"""Only root reads it: it names people."""


@dataclass(frozen=True)
class Kept:
    """What is kept: name -> points. ``anew``: when it began anew (ISO 8601) and why, empty where it never did."""

    points: Mapping[str, Points] = field(default_factory=dict)
    anew: str = ""
    why: str = ""


def keep_days(root: Path) -> int:
    """Return for how many days points are kept; the default where the settings cannot be read, which others tell."""
    try:
        return int(alert.load(root).get("growth_days") or KEEP_DAYS)
    except (OSError, ValueError, TypeError):
        return KEEP_DAYS


def read(root: Path, what: Record) -> Kept | None:
    """Return what is kept, None where there is nothing yet. Raises OSError, and ValueError for a damaged file."""
    try:
        content = (root / what.path).read_bytes()
    except FileNotFoundError:
        return None
    try:
        data = exchange.parse(content, f"/{what.path}")
        points = {str(name): [(float(at), int(count)) for at, count in each] for name, each in data[what.key].items()}
        anew = data.get("anew") or {}
        return Kept(points, str(anew.get("at") or ""), words.clean(anew.get("why") or "", 300))
    except exchange.ExchangeError as error:
        raise exchange.ExchangeError(f"{str(error).removesuffix(exchange.HINT)}{HINT}") from None
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise exchange.ExchangeError(f"/{what.path} is damaged: {error!r}; {HINT}") from None


def points(root: Path, what: Record) -> Mapping[str, Points]:
    """Return name -> points; none where nothing can be read, which ``doubts`` tells."""
    try:
        return (read(root, what) or Kept()).points
    except (OSError, ValueError):
        return {}


def doubts(root: Path, what: Record, now: float) -> str:
    """Return why there may be no forecast: no record, a damaged one, or one that began anew lately; empty for none."""
    try:
        kept = read(root, what)
    except (OSError, ValueError) as error:
        return str(error)
    if kept is None:
        return f"nothing is recorded yet (/{what.path} is not there); the job services records it"
    began = clock.past(kept.anew, datetime.fromtimestamp(now, UTC))
    if began is not None and now - began.timestamp() < trend.LEAST_DAYS * DAY:
        return f"the record began anew at {kept.anew}, so that little is known of the growth: {kept.why}"
    return ""


def note(root: Path, what: Record, seen: Mapping[str, int], now: float) -> Mapping[str, Points]:
    """Add what was seen (name -> bytes), at most once in ``what.every`` and name, and forget what is old; returns all.

    What was not seen this time keeps its points until they are old: a disk that is not mounted for an hour, say.
    Raises OSError.
    """
    kept, changed = Kept(), False
    try:
        kept = read(root, what) or kept
    except ValueError as error:
        kept, changed = (
            Kept(anew=clock.stamp(datetime.fromtimestamp(now, UTC)), why=str(error).removesuffix(f"; {HINT}")),
            True,
        )
    first = now - keep_days(root) * DAY
    found: dict[str, Points] = {}
    for name in {**kept.points, **seen}:
        recent = [point for point in kept.points.get(name, ()) if first <= point[0] <= now]
        # A minute less: the job comes every few minutes, and not to the second.
        if name in seen and (not recent or now - recent[-1][0] >= what.every - 60):
            recent.append((round(now), seen[name]))
            changed = True
        if recent:
            found[name] = recent
    if changed:
        _write(root, what, found, kept, now)
    return found


def _write(root: Path, what: Record, found: Mapping[str, Points], kept: Kept, now: float) -> None:
    content: dict[str, Any] = {"version": 1, what.key: found}
    if what is DISKS:  # the doctor goes by it
        left = {name: trend.forecast(each, now, what.least) for name, each in found.items()}
        content["days_left"] = {name: one.days for name, one in left.items() if one is not None}
    if kept.anew:
        content["anew"] = {"at": kept.anew, "why": kept.why}
    path = root / what.path
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, json.dumps(content, separators=(",", ":")).encode() + b"\n", what.mode)
    (root / BEFORE).unlink(missing_ok=True)
