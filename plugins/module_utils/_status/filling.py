# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How disks fill up, in words and pictures. All pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._common import page
from .._common.page import Html, element
from . import trend
from .pictures import curve, gauge


def full_soon(report: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """Return the disks that are full within SOON_DAYS, with the words for it, but for those the watch tells of."""
    told = {row["service"] for row in report.get("services") or ()}
    return [
        (row, growing(row))
        for row in report.get("disks") or ()
        if growing(row)
        and row["days_left"] < trend.SOON_DAYS
        and f"host-growth{trend.slug(str(row['disk']))}" not in told
    ]


def growing(row: Mapping[str, Any]) -> str:
    """Return when a disk is full in words; nothing where it does not grow."""
    # A server of an older release does not say what it goes by.
    over = row.get("growth_days") or trend.LOOK_BACK_DAYS
    return "" if row.get("days_left") is None else trend.said(row["days_left"], over)


def shown(report: Mapping[str, Any], rank: Callable[[object], int]) -> list[Html]:
    """Return the disks as part of the page, the worst level first."""
    rows = []
    for row in sorted(report.get("disks") or (), key=lambda each: rank(each["level"])):
        total, free = row.get("total_bytes") or 0, row.get("free_bytes") or 0
        picture = gauge(total - free, total, row["message"])
        rows.append((row["disk"], picture, curve(row.get("history") or (), total), growing(row)))
    return [element("h3", "Disks"), page.table(("disk", "used", "free over time", "trend"), rows)] if rows else []
