# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What failed in the last days, and what was changed since ``playbooks/site.yml`` ran: words and parts of the page.

All pure; what is shown of others goes through ``_common.page``, which escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .._common import page
from .._common.page import Html, element
from .._schedule import history

MOST_ROWS = 15
MOST_NAMED = 3
HEAD = ("what", "level", "how often", "last", "last words")
CHECK = "playbooks/site.yml --check --diff shows what it would put back"
OTHERS = (("containers", "container"), ("packages", "package"))
"""What is compared besides files: the key in the report, and what one is called."""


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


def others(site: Mapping[str, Any]) -> list[str]:
    """Return in words how many containers and packages differ since, or why that is not known."""
    said = []
    for part, _one in OTHERS:
        found = site.get(part)  # of an older release there is none
        if not found:
            continue
        count, newer = len(found["drift"]) + found["drift_left_out"], len(found["newer"])
        differ = "none differs" if not count else "1 differs" if count == 1 else f"{count} differ"
        updated = f", {newer} newer by updates" if newer else ""
        unknown = f"{part}: unknown: {found['unknown']}"
        said.append(unknown if found["unknown"] else f"of {found['noted']} {part} {differ}{updated}")
    return said


def drifted(site: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (level, what, message) of what is not as it was left, an entry for files, containers and packages each.

    A warning and no more: the server works, and nobody is told at night. A newer package is none at all.
    """
    found = _entry(site, "files", "path", site)
    for part, _one in OTHERS:
        compared = site.get(part) or {}
        found += _entry(site, part, "name", compared)
        if compared.get("unknown"):
            found.append(("unknown", f"changed {part}", f"unknown: {compared['unknown']}"))
    return found


def _entry(site: Mapping[str, Any], kind: str, key: str, found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = found.get("drift") or ()
    if not rows:
        return []
    count = len(rows) + found["drift_left_out"]
    words = ((row["what"], row["message"]) for row in rows[:MOST_NAMED])
    short = [what if kind == "files" else message for what, message in words]
    named = ", ".join(f"{row[key]} ({said})" for row, said in zip(rows, short, strict=False))
    more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
    ran = f"; a part of it ran at {_when(site['part'])}" if site.get("part") else ""
    are = "is" if count == 1 else "are"
    said = f"{named}{more} {are} not as the whole run of {_when(site['run'])} left {'it' if count == 1 else 'them'}"
    return [("warning", f"changed {kind}", f"{said}{ran}; {CHECK}")]


def of_site(site: Mapping[str, Any]) -> list[Html]:
    """Return what differs from what site.yml left, thing by thing; nothing for a report of an older release."""
    if not site:
        return []
    parts = [element("h3", "Since the last whole run"), element("p", whole_run(site), kind="soft")]
    parts += _rows(("file", "is", "what differs"), site, "path", site.get("drift") or ())
    if said := others(site):
        parts.append(element("p", "; ".join(said), kind="soft"))
    for part, one in OTHERS:
        found = site.get(part) or {}
        parts += _rows((one, "is", "what differs"), found, "name", found.get("drift") or ())
        if found.get("newer"):
            rows = [(row["name"], row["message"]) for row in found["newer"]]
            inside = page.table((one, "by updates"), rows)
            parts.append(element("details", element("summary", f"Newer {part} ({len(rows)})"), inside))
    return parts


def _rows(
    head: tuple[str, str, str], found: Mapping[str, Any], key: str, rows: Sequence[Mapping[str, Any]]
) -> list[Html]:
    if not rows:
        return []
    left = found["drift_left_out"]
    return [
        page.table(head, [(row[key], row["what"], row["message"]) for row in rows]),
        element("p", f"{f'and {left} more; ' if left else ''}{CHECK}", kind="soft"),
    ]


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
