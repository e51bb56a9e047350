# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of slips, read with a parser of its own."""

from __future__ import annotations

from html.parser import HTMLParser

from ansible_collections.labserver.jupyter.plugins.filter.password_slips import FilterModule
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.passwords import Line, render_lines

slips = FilterModule().filters()["password_slips"]
NASTY = [
    Line("zoe", "Zoë <script>alert(1)</script>", "aaaa-bbbb-cccc-dddd", "2026-11-20T10:00:00+00:00"),
    Line("alice", 'Alice "A&B" {name}', "k3vd-9xqa-mmmm-2222", "2026-11-20T10:00:00+00:00"),
    Line("bob", "", "</code>&amp;", "2026-11-20T10:00:00+00:00"),
]


class Reader(HTMLParser):
    """Collects the text of each slip and all tags of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.slips: list[list[str]] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "section":
            self.slips.append([])
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside and data.strip():
            self.slips[-1].append(data)


def test_everybody_has_one_slip_and_nothing_of_anybody_else_is_on_it() -> None:
    page = Reader(slips(render_lines(NASTY), "lab1", "https://hub.lab.example/"))
    assert len(page.slips) == 3
    for slip, line in zip(page.slips, sorted(NASTY, key=lambda line: line.name), strict=True):
        assert {line.full_name or line.name, line.name, line.password, "https://hub.lab.example/"} <= set(slip)
    for line in NASTY:
        assert sum(line.password in slip for slip in page.slips) == 1


def test_nothing_of_a_name_or_password_becomes_markup() -> None:
    page = Reader(slips(render_lines(NASTY), "<lab>", "<b>&"))
    assert set(page.tags) <= set(Reader(slips(render_lines([]), "lab1")).tags) | {
        "section", "h1", "dl", "dt", "dd", "code", "p",
    }  # fmt: skip
    assert "script" not in page.tags
    (bob,) = [slip for slip in page.slips if "bob" in slip]
    assert "</code>&amp;" in bob
    assert "<b>&" in bob


def test_slips_are_cut_apart_and_the_page_loads_nothing() -> None:
    page = slips(render_lines(NASTY), "lab1")
    assert "break-inside: avoid" in page and "dashed" in page
    assert "src=" not in page and "href=" not in page and "url(" not in page and "@import" not in page
    assert all("lab1" in slip for slip in Reader(page).slips), "without an address the server's name is told"
