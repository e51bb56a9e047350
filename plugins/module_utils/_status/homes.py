# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people keep in their homes against their quotas, as the hub's job found it: the fullest first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._common import exchange, page, sizes, words
from .._common.page import Html, element
from .pictures import gauge

TOLD = 0.90
"""From this part of the quota on each of them is told."""
FULLEST = 5
PATH = "etc/labserver/public/fullness.json"


def read(root: Path) -> list[dict[str, Any]]:
    """Return a row for each home that a quota counts: person, bytes used and the limit (0: none), the fullest first.

    Nothing where there is no such file: without quotas nobody knows what a home holds. Raises OSError, ValueError for a
    file that is damaged.
    """
    try:
        document = exchange.parse((root / PATH).read_bytes(), f"/{PATH}")
    except FileNotFoundError:
        return []
    try:
        rows = [
            {"person": words.clean(name), "used_bytes": int(one["used"]), "limit_bytes": int(one["limit"])}
            for name, one in (document.get("homes") or {}).items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"/{PATH} is damaged ({error!r}); {exchange.HINT}") from error
    return sorted(rows, key=lambda row: (-part(row), -row["used_bytes"], row["person"]))


def part(row: Mapping[str, Any]) -> float:
    """Return the part of the quota that is used; 0 where there is none."""
    return float(row["used_bytes"]) / row["limit_bytes"] if row["limit_bytes"] else 0.0


def shown(report: Mapping[str, Any]) -> list[Html]:
    """Return what people keep in their homes as part of the page: the fullest at once, the others folded."""
    rows = report.get("homes") or ()
    if not rows:
        return []
    full = sum(part(row) >= TOLD for row in rows)
    said = f"{full} of {len(rows)} have used {TOLD:.0%} of the quota or more" if full else "nobody is near the quota"
    cells = []
    for row in rows:
        of = sizes.text(row["limit_bytes"]) if row["limit_bytes"] else "no quota"
        used = f"{sizes.text(row['used_bytes'])} of {of}"
        cells.append((row["person"], gauge(row["used_bytes"], row["limit_bytes"], used)))
    first = max(full, FULLEST)
    parts = [element("h3", "Homes"), element("p", said), page.table(("person", "used"), cells[:first])]
    if rest := cells[first:]:
        summary = element("summary", f"and {len(rest)} more that are less full")
        parts.append(element("details", summary, page.table(("person", "used"), rest)))
    return parts
