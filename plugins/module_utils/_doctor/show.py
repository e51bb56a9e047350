# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the doctor says, as data, as a table for a terminal, and as a page. All pure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .._common import page, words
from .hazards import HAZARDS, examine
from .model import LEVELS, Current

WIDTH = 110
KIND_WORDS = {"labserver": "a lab server", "tljh": "TLJH", "compose": "a Compose hub"}


def report(current: Current, seconds: float = 0.0) -> dict[str, Any]:
    """Return findings and what was looked at, for JSON and for the tables of several hosts."""
    return {
        "version": 1,
        "kinds": list(current.kinds),
        "looked_at": len(HAZARDS),
        "seconds": round(seconds, 1),
        "findings": [asdict(finding) for finding in examine(current)],
        "unread": [words.clean(item) for item in current.unread],
    }


def heading(data: Mapping[str, Any]) -> str:
    """Return one line: what the host is and what was found."""
    kinds = " and ".join(KIND_WORDS.get(str(kind), str(kind)) for kind in data.get("kinds") or ()) or "no known hub"
    found = data.get("findings") or []
    counts = [(level, sum(item.get("level") == level for item in found)) for level in reversed(LEVELS)]
    said = ", ".join(
        f"{count} {level}{'s' if level != 'critical' and count > 1 else ''}" for level, count in counts if count
    )
    return f"{kinds}: {said or 'nothing found'} ({data.get('looked_at', 0)} hazards looked for)"


def table(reports: Mapping[str, Any]) -> str:
    """Host -> report (None where there is no answer) as text, the worst host first."""
    lines: list[str] = []
    for host, data in sorted(reports.items(), key=lambda item: (-_worst(item[1]), item[0])):
        name = words.clean(host, 80)
        if not isinstance(data, Mapping):
            lines += [f"{name}: no answer", ""]
            continue
        lines.append(f"{name}: {heading(data)}")
        for item in data.get("findings") or ():
            lines.append(f"  {item['level']:8} {words.clean(item['subject'], 120)}: {words.clean(item['text'], 300)}")
            for word, key in (("so", "consequence"), ("do", "remedy")):
                told = textwrap.wrap(f"{word}: {words.clean(item[key], 400)}", WIDTH - 11)
                lines += [" " * 11 + line for line in told]
        lines += [f"  unknown  not looked at: {words.clean(item, 200)}" for item in data.get("unread") or ()]
        lines.append("")
    return "\n".join(lines)


def _worst(data: Any) -> int:
    if not isinstance(data, Mapping):
        return len(LEVELS)
    return max((LEVELS.index(item["level"]) for item in data.get("findings") or ()), default=-1)


def document(reports: Mapping[str, Any], when: str) -> str:
    """The same as one page."""
    parts: list[page.Html] = [page.element("h1", "What the doctor found"), page.element("p", when, kind="soft")]
    for host, data in sorted(reports.items(), key=lambda item: (-_worst(item[1]), item[0])):
        parts.append(page.element("h2", host))
        if not isinstance(data, Mapping):
            parts.append(page.element("p", page.level("critical", "no answer")))
            continue
        parts.append(page.element("p", heading(data)))
        for item in data.get("findings") or ():
            body = page.pairs([("So", item["consequence"]), ("Do", item["remedy"]), ("Hazard", item["hazard"])])
            line = page.element(
                "p",
                page.level(item["level"]),
                page.Html(" "),
                page.element("strong", item["subject"]),
                page.Html(": "),
                item["text"],
            )
            parts.append(page.element("div", line, body, kind="card"))
        if data.get("unread"):
            parts.append(page.element("h3", "Not looked at"))
            parts += [page.element("p", item, kind="soft") for item in data["unread"]]
    return page.document("Doctor", *parts)
