# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as data, as a table for a terminal, and as a page. All pure; no password and no hash is in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common import page, words
from .model import Current, Plan
from .plan import KIND_WORDS

LEVELS = {"yes": "ok", "partly": "warning", "no": "note"}
VERDICTS = {"yes": "taken over", "partly": "in part", "no": "not taken over"}


def report(current: Current, plan: Plan) -> dict[str, Any]:
    """Return the plan as data."""
    hub = plan.hub
    return {
        "version": 1,
        "kind": "" if hub is None else hub.kind,
        "hub_version": "" if hub is None else hub.version,
        "adopted": current.adopted,
        "ended": words.clean(current.ended, 600),
        "people": len(plan.people),
        "with_password": sum(person.has_password for person in plan.people),
        "running": sorted(current.people.running),
        "inventory": dict(plan.inventory),
        "credentials": dict(plan.credentials),
        "packages": list(current.packages),
        "rows": [vars(row) for row in plan.rows],
        "refusals": [words.clean(text, 600) for text in plan.refusals],
    }


def heading(data: Mapping[str, Any]) -> str:
    """Return one line: what is there and whether it can be taken over."""
    kind = KIND_WORDS.get(str(data.get("kind")), "no known hub")
    version = f" {data['hub_version']}" if data.get("hub_version") else ""
    count = len(data.get("refusals") or ())
    state = f"{count} thing{'s are' if count != 1 else ' is'} in the way" if count else "can be taken over"
    if data.get("adopted") in ("switched", "done"):
        state = "is taken over"
    return f"{kind}{version}, {data.get('people', 0)} people, {data.get('with_password', 0)} with a password: {state}"


def table(host: str, data: Mapping[str, Any]) -> list[str]:
    """Return the lines of the table of one host."""
    lines = [f"{words.clean(host, 80)}: {heading(data)}"]
    if data.get("ended"):
        lines.append(f"  the takeover before: {words.clean(data['ended'], 600)}")
    lines += [f"  in the way: {words.clean(text, 600)}" for text in data.get("refusals") or ()]
    for row in data.get("rows") or ():
        there = f" ({words.clean(row['there'], 200)})" if row["there"] else ""
        lines.append(f"  {VERDICTS[row['taken']]:14} {words.clean(row['what'])}{there}: {words.clean(row['why'], 300)}")
    return lines


def document(host: str, data: Mapping[str, Any], when: str) -> str:
    """Return the same as one page."""
    parts: list[page.Html] = [
        page.element("h1", f"What is taken over of {host}"),
        page.element("p", when, kind="soft"),
        page.element("p", heading(data)),
    ]
    if data.get("refusals"):
        parts.append(page.element("h2", "In the way"))
        parts += [page.element("p", page.level("critical", "stop"), page.Html(" "), text) for text in data["refusals"]]
    parts.append(page.element("h2", "What becomes of what"))
    parts.append(
        page.table(
            ["what", "", "there is", "that means"],
            [
                [row["what"], page.level(LEVELS[row["taken"]], VERDICTS[row["taken"]]), row["there"], row["why"]]
                for row in data.get("rows") or ()
            ],
        )
    )
    parts.append(page.element("h2", "The way back"))
    parts.append(
        page.element(
            "p",
            "The old hub is stopped and kept. adopt_back=true starts it again, with the account files, /etc/fstab and"
            " the rights of the homes as they were, byte for byte. Passwords that were changed here, and people who"
            " came here, are not known to it then.",
        )
    )
    return page.document(f"Taking over {host}", *parts)
