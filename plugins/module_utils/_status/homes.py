# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people keep in their homes against their quotas, as the hub's job found it: the fullest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .._common import exchange, page, sizes, words
from .._common.page import Html, element
from . import recorded, trend
from .pictures import gauge

TOLD = 0.90
"""From this part of the quota on each of them is told."""
FULLEST = 5
FRESH_SECONDS = 3600.0
PATH = "etc/labserver/public/fullness.json"


def counted(root: Path) -> dict[str, tuple[int, int]]:
    """Return person -> bytes used and the limit (0: none) of each home that a quota counts.

    Nothing where there is no such file: without quotas nobody knows what a home holds. Raises OSError, ValueError for a
    file that is damaged.
    """
    try:
        document = exchange.parse((root / PATH).read_bytes(), f"/{PATH}")
    except FileNotFoundError:
        return {}
    try:
        return {name: (int(one["used"]), int(one["limit"])) for name, one in (document.get("homes") or {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"/{PATH} is damaged ({error!r}); {exchange.HINT}") from error


def is_fresh(root: Path, now: float) -> bool:
    """Tell whether the job that counts has done so lately: what it left before it ended says nothing of today."""
    try:
        return 0 <= now - (root / PATH).stat().st_mtime < FRESH_SECONDS
    except FileNotFoundError:
        return False


def read(root: Path, now: float) -> list[dict[str, Any]]:
    """Return a row for each home that a quota counts, the fullest first.

    Each has the person, bytes used and the limit (0: none), and days until it is full with those that this goes by,
    None where it does not grow. Raises OSError, ValueError for a file that is damaged.
    """
    points, rows = recorded.points(root, recorded.HOMES), []
    for name, (used, limit) in counted(root).items():
        # By today's limit: one that was raised in between is no room that was won.
        free = [(at, limit - then) for at, then in points.get(name, ())] if limit else []
        coming = trend.forecast([*free, (now, limit - used)] if free else [], now, recorded.HOMES.least)
        row = {"person": words.clean(name), "used_bytes": used, "limit_bytes": limit}
        row["days_left"] = coming.days if coming else None
        row["growth_days"] = coming.over_days if coming else None
        rows.append(row)
    return sorted(rows, key=lambda row: (-part(row), -row["used_bytes"], row["person"]))


def part(row: Mapping[str, Any]) -> float:
    """Return the part of the quota that is used; 0 where there is none."""
    return float(row["used_bytes"]) / row["limit_bytes"] if row["limit_bytes"] else 0.0


def full_soon(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the homes whose quota is full within SOON_DAYS, the next one first."""
    soon = [row for row in rows if row.get("days_left") is not None and row["days_left"] < trend.SOON_DAYS]
    return sorted(soon, key=lambda row: (row["days_left"], row["person"]))


def shown(report: Mapping[str, Any]) -> list[Html]:
    """Return what people keep in their homes as part of the page: the fullest at once, the others folded."""
    rows = report.get("homes") or ()
    if not rows:
        return []
    soon = full_soon(rows)
    full = sum(part(row) >= TOLD for row in rows)
    told = [f"{full} of {len(rows)} have used {TOLD:.0%} of the quota or more"] if full else []
    told += [f"{len(soon)} are full within {trend.SOON_DAYS:.0f} days at their growth"] if soon else []
    # Those who are full soon stand above those who are merely full: there is still something to do.
    named = {row["person"] for row in soon}
    first = [*soon, *(row for row in rows if row["person"] not in named)]
    rows_shown = [_shown(row) for row in first]
    at_once = max(sum(row["person"] in named or part(row) >= TOLD for row in rows), FULLEST)
    head = ("person", "used", "trend")
    parts = [element("h3", "Homes"), element("p", "; ".join(told) or "nobody is near the quota")]
    parts.append(page.table(head, rows_shown[:at_once]))
    if rest := rows_shown[at_once:]:
        summary = element("summary", f"and {len(rest)} more that are less full")
        parts.append(element("details", summary, page.table(head, rest)))
    return parts


def cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return person, what is used of what, and when it is full, for the table."""
    of = sizes.text(row["limit_bytes"]) if row["limit_bytes"] else "no quota"
    soon = trend.said(row["days_left"], row["growth_days"]) if row.get("days_left") is not None else ""
    return row["person"], f"{sizes.text(row['used_bytes'])} of {of}", soon


def _shown(row: Mapping[str, Any]) -> tuple[str, Html, str]:
    person, used, soon = cells(row)
    return person, gauge(row["used_bytes"], row["limit_bytes"], used), soon
