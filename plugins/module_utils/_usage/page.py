# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The usage of a lab as one page that needs nothing else: for a phone, in the dark, and on paper. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from .._common.page import text
from .model import Sum
from .table import GIB, HOUR, NUMBERS, Usage, numbers

BARS = 10
"""So many of those who used most are drawn."""
STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 22%, transparent); --bar: #2f7ed8 }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.25rem; margin-top: 2.5rem; padding-top: 1rem;
  border-top: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem } .lead { font-size: 1.1rem } .wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 7rem; max-width: 22rem;
  overflow-wrap: break-word }
.bars { display: grid; gap: .25rem .7rem; grid-template-columns: minmax(5rem, max-content) 1fr max-content }
.bars i { background: var(--bar); border-radius: 2px; height: .8rem; align-self: center; min-width: 1px; display: block;
  print-color-adjust: exact; -webkit-print-color-adjust: exact }
.note { border-left: 4px solid #c60; padding: .3rem .8rem } footer { margin-top: 3rem; font-size: .85rem; opacity: .8 }
@media print { h2 { break-before: page } h2:first-of-type { break-before: auto } .wide { overflow: visible } }
"""
HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>What was used</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy"'
    " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
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
    body = [f"<h1>What was used{f' at {text(lab)}' if lab else ''}</h1>"]
    for host, reason in sorted(usage.silent.items()):
        body.append(f'<p class="note">Without {text(host)}: {text(reason)}</p>')
    if not usage.months:
        body.append("<p>Nothing was recorded yet.</p>")
    for month in usage.months:
        body += _month(usage, month)
    body.append(f"<footer><p>{WORDS}</p><p>Made {text(made)}.</p></footer>")
    return f"{HEAD}<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"


def sentence(usage: Usage, month: str) -> str:
    """Return a month in one sentence: ``November 2026: leem 412 CPU hours, xps 80 CPU hours``."""
    groups = [(name, one) for name, one in usage.groups(month).items() if name]
    said = ", ".join(f"{name} {one.cpu / HOUR:.0f} CPU hours" for name, one in groups[:5])
    whole = sum(one.cpu for one in usage.people(month).values()) / HOUR
    return f"{title(month)}: {said or f'{whole:.0f} CPU hours'}"


def _month(usage: Usage, month: str) -> list[str]:
    people, groups, images, disk = (
        usage.people(month),
        usage.groups(month),
        usage.images(month),
        usage.disk(month),
    )
    named = {name or "in no group": one for name, one in groups.items()}
    every = {**people, **{name: Sum() for name in sorted(disk) if name not in people}}
    size = {name: f"{disk[name][0] / GIB:.1f}" if name in disk else "-" for name in every}
    parts = [f"<h2>{text(title(month))}</h2>", f'<p class="lead">{text(sentence(usage, month))}</p>']
    parts += _bars(named)
    parts += _table("Groups", "group", named)
    parts += _table("People", "person", every, ("disk GiB", size))
    parts += _table("Images", "image", images)
    estimated, cpu = sum(one.estimated for one in people.values()), sum(one.cpu for one in people.values())
    if cpu and estimated / cpu >= 0.001:
        parts.append(
            f"<p>{estimated / HOUR:.1f} of {cpu / HOUR:.1f} CPU hours are estimated: servers ended while their counters"
            " could not be read.</p>"
        )
    return parts


def _bars(sums: Mapping[str, Sum]) -> list[str]:
    most = max((one.cpu for one in sums.values()), default=0.0)
    if most <= 0:
        return []
    lines = [
        f'<span>{text(name)}</span><i style="width: {100 * one.cpu / most:.1f}%"></i>'
        f"<span>{one.cpu / HOUR:.0f} CPU hours</span>"
        for name, one in list(sums.items())[:BARS]
    ]
    return ['<div class="bars" aria-hidden="true">', *lines, "</div>"]


def _table(
    head: str, kind: str, sums: Mapping[str, Sum], more: tuple[str, Mapping[str, str]] | None = None
) -> Sequence[str]:
    columns = [kind, *NUMBERS, *([more[0]] if more else [])]
    lines = ["<tr>" + "".join(f'<th scope="col">{text(name)}</th>' for name in columns) + "</tr>"]
    for name, one in sums.items():
        cells = [name, *numbers(one), *([more[1][name]] if more else [])]
        lines.append("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in cells) + "</tr>")
    return [f'<h3>{text(head)}</h3><div class="wide"><table>', *lines, "</table></div>"]
