# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The usage of a lab as one page (see ``_common.page``). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from .._common import page as common
from .._common.page import Html, element
from .model import Sum
from .table import GIB, HOUR, NUMBERS, Usage, numbers

BARS = 10
"""So many of those who used most are drawn."""
WORDS = (
    "An hour is one in which a server ran. A CPU hour is an hour of one core at work. A GiB hour is a GiB of memory in"
    " use for an hour, without files that the system only keeps at hand. A GPU hour is one in which a card was granted,"
    " at work or not. Groups are those of the time of use; who is in two groups counts in both, so groups may add up to"
    " more than all people."
)


def title(month: str) -> str:
    """Return a month for people: ``November 2026``."""
    try:
        return datetime.strptime(month, "%Y-%m").strftime("%B %Y")
    except ValueError:
        return month


def page(usage: Usage, lab: str, made: str) -> str:
    """Return the page; ``made`` says when."""
    body = [element("h1", f"What was used{f' at {lab}' if lab else ''}")]
    body += [
        element("p", common.level("warning"), Html(" "), f"Without {host}: {reason}", kind="card")
        for host, reason in sorted(usage.silent.items())
    ]
    if not usage.months:
        body.append(element("p", "Nothing was recorded yet."))
    months = [part for month in usage.months for part in _month(usage, month)]
    body.append(element("div", *months, kind="chapters"))
    body.append(element("footer", element("p", Html(WORDS)), element("p", f"Made {made}."), kind="soft"))
    return common.document("What was used", *body)


def sentence(usage: Usage, month: str) -> str:
    """Return a month in one sentence: ``November 2026: leem 412 CPU hours, xps 80 CPU hours``."""
    groups = [(name, one) for name, one in usage.groups(month).items() if name]
    said = ", ".join(f"{name} {one.cpu / HOUR:.0f} CPU hours" for name, one in groups[:5])
    whole = sum(one.cpu for one in usage.people(month).values()) / HOUR
    return f"{title(month)}: {said or f'{whole:.0f} CPU hours'}"


def _month(usage: Usage, month: str) -> list[Html]:
    people, groups, disk = usage.people(month), usage.groups(month), usage.disk(month)
    named = {name or "in no group": one for name, one in groups.items()}
    every = {**people, **{name: Sum() for name in sorted(disk) if name not in people}}
    size = {name: f"{disk[name][0] / GIB:.1f}" if name in disk else "-" for name in every}
    most = [(name, one.cpu, f"{one.cpu / HOUR:.0f} CPU hours") for name, one in list(named.items())[:BARS]]
    parts = [element("h2", title(month)), element("p", sentence(usage, month)), common.bars(most)]
    parts += _table("Groups", "group", named)
    parts += _table("People", "person", every, ("disk GiB", size))
    parts += _table("Images", "image", usage.images(month))
    estimated, cpu = sum(one.estimated for one in people.values()), sum(one.cpu for one in people.values())
    if cpu and estimated / cpu >= 0.001:
        said = f"{estimated / HOUR:.1f} of {cpu / HOUR:.1f} CPU hours are estimated: servers ended while their counters"
        parts.append(element("p", f"{said} could not be read."))
    return parts


def _table(
    head: str, kind: str, sums: Mapping[str, Sum], more: tuple[str, Mapping[str, str]] | None = None
) -> list[Html]:
    columns = [kind, *NUMBERS, *([more[0]] if more else [])]
    rows = [[name, *numbers(one), *([more[1][name]] if more else [])] for name, one in sums.items()]
    return [element("h3", head), common.table(columns, rows, kind="numbers")]
