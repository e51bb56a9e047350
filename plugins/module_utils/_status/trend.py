# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a disk or a quota is full, by how it filled up in the last days. All pure.

The forecast goes by medians of what went in a day, not by a line through all points (least squares) nor by first and
last: one large copy, one night with a large file or one clean-up would move those for weeks, and a warning that comes
without a reason is not read the next time. A weekly rhythm (files that come from Monday to Friday, an upkeep on
Sunday) is no growth either, so whole weeks count too where there are some. Of several answers the mildest holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

HOUR, DAY = 3600.0, 86400.0
LOOK_BACK_DAYS = 14
LEAST_DAYS = 3  # of what was recorded, before anything is said
WEEK = 7
FARTHEST_DAYS = 365.0
MOST_SHOWN = 240
SOON_DAYS = 30.0
"""What is farther away stands on the page and in the data, but not in the table."""

Points = list[tuple[float, int]]


@dataclass(frozen=True)
class Forecast:
    """In how many ``days`` it is full at the growth of the last ``over_days``."""

    days: float
    over_days: int

    def __str__(self) -> str:
        return said(self.days, self.over_days)


def said(days: float, over_days: int) -> str:
    """Return the forecast in words."""
    return f"full in {count(days)} at the growth of the last {over_days} days"


def count(days: float) -> str:
    """Return a number of days in words."""
    whole = round(days)
    return "less than a day" if days < 1 else f"{whole} day{'' if whole == 1 else 's'}"


def forecast(points: Iterable[tuple[float, int]], now: float, least: int = 0) -> Forecast | None:
    """Return when nothing is free; None where it does not grow, or too little was recorded to say so.

    ``points`` are (seconds since 1970, bytes free). What has lost fewer than ``least`` bytes lately says nothing: a
    small disk that loses a little has too little room, and is told of as such.
    """
    recent = sorted(point for point in points if now - LOOK_BACK_DAYS * DAY <= point[0] <= now)
    losses = _losses(recent)
    if len(losses) < LEAST_DAYS or max(free for _at, free in recent) - recent[-1][1] < least:
        return None
    # The later half too: what grew last week and stands still since does not fill up.
    answers = [_median(losses), _median(losses[: (len(losses) + 1) // 2])]
    if len(losses) >= WEEK:
        sums = [0.0, *accumulate(losses)]
        answers.append(_median([(sums[end] - sums[end - WEEK]) / WEEK for end in range(WEEK, len(sums))]))
    loss = min(answers)
    if loss <= 0:
        return None
    days = recent[-1][1] / loss - (now - recent[-1][0]) / DAY
    over = round((recent[-1][0] - recent[0][0]) / DAY)
    return Forecast(max(0.0, round(days, 1)), over) if days < FARTHEST_DAYS else None


def thinned(points: Sequence[tuple[float, int]]) -> Points:
    """Return at most MOST_SHOWN of the points, the last one among them."""
    step = -(-len(points) // MOST_SHOWN) or 1
    return list(points)[::-step][::-1]


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


def slug(target: str) -> str:
    """Return a mount point as a part of the name of a matter."""
    return target.rstrip("/").replace("/", "_") or "_root"
