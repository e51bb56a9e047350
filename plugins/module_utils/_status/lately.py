# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What failed in the last days, and what was changed since ``playbooks/site.yml`` ran: words and parts of the page.

All pure; what is shown of others goes through ``_common.page``, which escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from .._common import page
from .._common.page import Html, element
from .._schedule import history

MOST_ROWS = 15
MOST_NAMED = 3
HEAD = ("what", "level", "how often", "last", "last words")
CHECK = "playbooks/site.yml --check --diff shows what it would put back"


def by_name(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each kind and name over all days: critical ones first, then what failed last."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        known = found.setdefault((row["kind"], row["name"]), {**row, "times": 0, "days": 0})
        known["times"] += row["times"]
        known["days"] += 1
        known["level"] = max(known["level"], row["level"], key=_rank)
        if row["last"] > known["last"]:
            known.update(last=row["last"], message=row["message"])
    last_first = sorted(found.values(), key=lambda row: str(row["last"]), reverse=True)
    return sorted(last_first, key=lambda row: -_rank(row["level"]))


def _rank(level: str) -> int:
    return history.LEVELS.index(level) if level in history.LEVELS else 0  # of another release


def _when(text: object) -> str:
    """Return a moment for people; as it is where it is none."""
    try:
        return f"{datetime.fromisoformat(str(text)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return str(text)


def _often(row: Mapping[str, Any]) -> str:
    times = "once" if row["times"] == 1 else f"{row['times']} times"
    return f"{times} on {row['days']} days" if row["days"] > 1 else times


def whole_run(site: Mapping[str, Any]) -> str:
    """Return in words when site.yml ran whole last, and how much differs since."""
    if not site.get("run"):
        return "playbooks/site.yml has not run whole on this host since its runs are noted, so nothing is compared"
    count = len(site["drift"]) + site["drift_left_out"]
    of_part = f"; a part of it ran at {_when(site['part'])}" if site.get("part") else ""
    differ = "none differs" if not count else "1 differs" if count == 1 else f"{count} differ"
    return (
        f"playbooks/site.yml has not run whole since {_when(site['run'])} (version {site['version']}){of_part};"
        f" of {site['files']} files that it manages {differ}"
    )


def drifted(site: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (level, what, message) of files that are not as they were left, as one entry; none where none was.

    A warning and no more: the server works, and nobody is told at night.
    """
    rows = site.get("drift") or ()
    if not rows:
        return []
    count = len(rows) + site["drift_left_out"]
    named = ", ".join(f"{row['path']} ({row['what']})" for row in rows[:MOST_NAMED])
    more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
    ran = f"; a part of it ran at {_when(site['part'])}" if site.get("part") else ""
    are = "is" if count == 1 else "are"
    said = f"{named}{more} {are} not as the whole run of {_when(site['run'])} left {'it' if count == 1 else 'them'}"
    return [("warning", "changed files", f"{said}{ran}; {CHECK}")]


def of_site(site: Mapping[str, Any]) -> list[Html]:
    """Return what differs from what site.yml left, file by file; nothing for a report of an older release."""
    if not site:
        return []
    parts = [element("h3", "Since the last whole run"), element("p", whole_run(site), kind="soft")]
    rows = [(row["path"], row["what"], row["message"]) for row in site.get("drift") or ()]
    if rows:
        parts.append(page.table(("file", "is", "what differs"), rows))
        left = site["drift_left_out"]
        parts.append(element("p", f"{f'and {left} more; ' if left else ''}{CHECK}", kind="soft"))
    return parts


def of_failures(lately: Mapping[str, Any]) -> list[Html]:
    """Return what failed on the last days: the days as bars, and a row for each thing."""
    rows = lately.get("rows") or ()
    if not rows:
        return []
    days: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        days.setdefault(row["day"], []).append(row)
    bars = [(day, float(len(found)), _of_day(found)) for day, found in sorted(days.items(), reverse=True)]
    things = [
        (f"{row['kind']} {row['name']}", page.level(row["level"]), _often(row), _when(row["last"]), row["message"])
        for row in by_name(rows)
    ]
    parts = [
        element("h3", f"Failures of the last {lately['days']} days"),
        element("p", "how many things failed on each", kind="soft"),
    ]
    parts.append(page.bars(bars))
    parts.append(page.table(HEAD, things[:MOST_ROWS]))
    if len(things) > MOST_ROWS:
        rest = element("summary", f"and {len(things) - MOST_ROWS} more")
        parts.append(element("details", rest, page.table(HEAD, things[MOST_ROWS:])))
    if lately.get("left_out"):
        parts.append(element("p", f"{lately['left_out']} more of earlier days are left out", kind="soft"))
    return parts


def _of_day(rows: Iterable[Mapping[str, Any]]) -> str:
    levels = [row["level"] for row in rows]
    critical = levels.count("critical")
    return f"{len(levels)}, {critical} critical" if critical else str(len(levels))
