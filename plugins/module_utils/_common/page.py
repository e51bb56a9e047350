# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One self-contained page: no request to anywhere, readable on a phone, in the dark and on paper. All pure.

Whatever is shown goes through :func:`text` or is a :class:`Html` made here: names and messages are written by others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from . import words

MOST_CHARACTERS = 400
# Beside the words, so that colour alone tells nothing.
MARKS = {"critical": "✖", "warning": "▲", "overdue": "▲", "note": "•", "ok": "✔", "unknown": "?"}
STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--line:#d0d7de;--card:#f6f8fa;--bad:#b42318;
--warn:#8a5a00;--good:#176639;--bar:#3b6fb6}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa5b1;--paper:#0d1117;--line:#30363d;--card:#161b22;
--bad:#ff8a80;--warn:#f0b849;--good:#6fd08c;--bar:#79a8e8}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;
margin:1.6rem 0 .5rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:.8rem 0 .3rem}p{margin:.3rem 0}
.soft{color:var(--soft)}.critical{color:var(--bad)}.warning,.overdue{color:var(--warn)}.ok{color:var(--good)}
.level{font-weight:600;white-space:nowrap}.card{background:var(--card);border:1px solid var(--line);border-radius:.4rem;
padding:.6rem .8rem;margin:.5rem 0;break-inside:avoid}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}dl{display:grid;grid-template-columns:7.5rem 1fr;gap:.15rem .6rem;margin:.3rem 0}
dt{color:var(--soft)}dd{margin:0}svg{max-width:100%;height:auto}svg text{fill:var(--ink);font-size:12px}
details>summary{cursor:pointer}code{font-size:.95em}
.numbers th+th,.numbers td+td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.bars{display:grid;gap:.25rem .7rem;grid-template-columns:minmax(5rem,max-content) 1fr max-content}
.bars i{background:var(--bar);border-radius:2px;height:.8rem;align-self:center;min-width:1px;print-color-adjust:exact;
-webkit-print-color-adjust:exact}
@media (max-width:40rem){body{padding:.6rem}thead{display:none}tr{display:block;padding:.4rem 0;
border-bottom:1px solid var(--line)}td{display:flex;gap:.6rem;border:0;padding:.1rem 0}
.numbers td+td{text-align:left}
td::before{content:attr(data-head);color:var(--soft);flex:0 0 7rem}dl{grid-template-columns:1fr}dt{margin-top:.3rem}}
@media print{body{max-width:none;padding:0;font-size:11pt}details>*{display:block}.card{border-color:#999}
.chapters h2~h2{break-before:page}}
"""


class Html(str):
    """Markup that was made here; everything else is escaped where it is put on a page."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return words of others as markup: one line, bounded, without orders to a browser."""
    return value if isinstance(value, Html) else Html(escape(words.clean(value, MOST_CHARACTERS)))


def element(name: str, *inside: object, kind: str = "") -> Html:
    """Return an element; ``kind`` is its class."""
    of_class = f' class="{escape(kind)}"' if kind else ""
    return Html(f"<{name}{of_class}>{''.join(text(each) for each in inside)}</{name}>")


def level(word: str, shown: str = "") -> Html:
    """Return a level as a sign and a word."""
    mark = MARKS.get(word, "")
    return Html(f'<span class="level {escape(word)}">{mark} {text(shown or word)}</span>')


def table(head: Sequence[str], rows: Iterable[Sequence[object]], kind: str = "") -> Html:
    """Return a table; on a phone each row becomes a block, with the heads beside the values.

    The ``kind`` "numbers" sets all but the first column as numbers.
    """
    heads = "".join(f'<th scope="col">{text(word)}</th>' for word in head)
    lines = []
    for row in rows:
        cells = zip(head, row)  # noqa: B905  # Python 3.9
        lines.append("".join(f'<td data-head="{text(name)}"><span>{text(cell)}</span></td>' for name, cell in cells))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    of_class = f' class="{escape(kind)}"' if kind else ""
    return Html(
        f'<div class="wide"><table{of_class}><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def pairs(items: Iterable[tuple[str, object]]) -> Html:
    """Return names and values."""
    return Html("<dl>" + "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in items) + "</dl>")


def bars(items: Sequence[tuple[str, float, str]]) -> Html:
    """Return (name, number, words) as bars beside each other's; nothing where all numbers are 0."""
    most = max((number for _name, number, _words in items), default=0.0)
    if most <= 0:
        return Html("")
    lines = [
        f'<span>{text(name)}</span><i style="width:{100 * max(0.0, number) / most:.1f}%"></i><span>{text(said)}</span>'
        for name, number, said in items
    ]
    return Html(f'<div class="bars" aria-hidden="true">{"".join(lines)}</div>')


def document(title: str, *body: object) -> str:
    """Return the whole page. Its policy forbids every request and every script."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body>{''.join(text(each) for each in body)}"
        "</body></html>\n"
    )
