# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the disks fill up: one number an hour and disk, kept for 60 days, and the day on which each will be full.

The one record of it: the watch over the host, the status and the doctor all read it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .._common import exchange, files

PATH = "var/lib/labserver/status/disks.json"
BEFORE = "var/lib/labserver/disk-history.json"
"""A second record that there was until version 0.2."""
HOUR, DAY = 3600.0, 86400.0
KEEP_DAYS = 60
LOOK_BACK_DAYS = 14
LEAST_DAYS = 2  # of what was recorded, before anything is said
FARTHEST_DAYS = 365.0

Points = list[tuple[float, int]]


def full_in_days(points: Iterable[tuple[float, int]], now: float) -> float | None:
    """Return in how many days nothing is free, by what usually goes in a day; None where it does not grow.

    ``points`` are (seconds since 1970, bytes free). What usually goes is the median of the last days, or that of their
    later half where it is less: neither what was copied once nor a file that came and went is growth.
    """
    recent = sorted(point for point in points if now - LOOK_BACK_DAYS * DAY <= point[0] <= now)
    losses = _losses(recent)
    if len(losses) < LEAST_DAYS:
        return None
    loss = min(_median(losses), _median(losses[: (len(losses) + 1) // 2]))
    if loss <= 0:
        return None
    days = recent[-1][1] / loss - (now - recent[-1][0]) / DAY
    return max(0.0, round(days, 1)) if days < FARTHEST_DAYS else None


def _losses(points: Sequence[tuple[float, int]]) -> list[float]:
    """Return how many bytes went in each day back from the last point, the latest day first."""
    times = [at for at, _free in points]
    found = []
    later = len(points) - 1
    while later > 0:
        # A minute less: the looks are an hour apart, not to the second.
        earlier = bisect_right(times, times[later] - DAY + 60) - 1
        if earlier < 0:
            break
        found.append((points[earlier][1] - points[later][1]) / (times[later] - times[earlier]) * DAY)
        later = earlier
    return found


def _median(numbers: Sequence[float]) -> float:
    """Return the lower one of the two in the middle: of two days the one in which less went."""
    return sorted(numbers)[(len(numbers) - 1) // 2]


def read(root: Path) -> dict[str, Points]:
    """Return mount point -> points; empty when nothing was recorded or the file is damaged: it begins anew then."""
    try:
        data = exchange.parse((root / PATH).read_bytes(), f"/{PATH}")["free"]
        return {str(name): [(float(at), int(free)) for at, free in points] for name, points in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def record(root: Path, free: Mapping[str, int], now: float) -> dict[str, Points]:
    """Add what is free now, at most once an hour and disk, and forget what is old. Raises OSError."""
    known = read(root)
    kept: dict[str, Points] = {}
    changed = False
    for name, count in free.items():
        points = [point for point in known.get(name, []) if now - KEEP_DAYS * DAY <= point[0] <= now]
        if not points or now - points[-1][0] >= HOUR - 60:
            points.append((now, count))
            changed = True
        kept[name] = points
    if changed:
        left = {name: days for name, points in kept.items() if (days := full_in_days(points, now)) is not None}
        path = root / PATH
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        content = json.dumps({"version": 1, "free": kept, "days_left": left})
        files.replace(path, content.encode() + b"\n", 0o644)
        (root / BEFORE).unlink(missing_ok=True)
    return kept
