# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the disks fill up: one number an hour and disk, kept for 60 days, and the day on which each will be full."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._common import files

PATH = "var/lib/labserver/status/disks.json"
HOUR, DAY = 3600.0, 86400.0
KEEP_DAYS = 60
LOOK_BACK_DAYS = 14
LEAST_DAYS = 2.0  # of what was recorded, before anything is said
FARTHEST_DAYS = 365.0

Points = list[tuple[float, int]]


def full_in_days(points: Iterable[tuple[float, int]], now: float) -> float | None:
    """Return in how many days nothing is free, by the median growth of the last days; None where it does not grow.

    ``points`` are (seconds since 1970, bytes free). The median of all slopes (Theil and Sen) does not mind one large
    file that came and went.
    """
    recent = sorted(point for point in points if now - LOOK_BACK_DAYS * DAY <= point[0] <= now)
    recent = recent[:: max(1, len(recent) // 60)]
    if not recent or recent[-1][0] - recent[0][0] < LEAST_DAYS * DAY:
        return None
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(recent)
        for later in recent[index + 1 :]
        if later[0] - earlier[0] >= DAY
    )
    slope = slopes[len(slopes) // 2] if slopes else 0.0
    if slope >= 0:
        return None
    days = recent[-1][1] / -slope / DAY - (now - recent[-1][0]) / DAY
    return max(0.0, round(days, 1)) if days < FARTHEST_DAYS else None


def read(root: Path) -> dict[str, Points]:
    """Return mount point -> points; empty when nothing was recorded or the file is damaged: it begins anew then."""
    try:
        data = json.loads((root / PATH).read_bytes())["free"]
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
    return kept
