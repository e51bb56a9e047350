# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages about how this project is built name files and functions that exist, and rooms that do what is said."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from paths import ROOT

PAGES = sorted(path for path in (ROOT / "docs" / "develop").glob("*.md") if path.name != "rooms.md")
WALKS = (ROOT / "docs" / "develop" / "walks.md").read_text(encoding="utf-8")
PLACES = (Path("plugins/module_utils"), Path("roles/hub/files/images/hub"), Path())
FUNCTION = re.compile(r"`([\w/]+\.py)::([\w.]+)`")
FILE = re.compile(r"`((?:[\w.-]+/)+(?:[\w.-]+\.(?:py|yml|md))?)`")


def file_of(name: str) -> Path | None:
    """Return the file or folder that a page names, looked for in the places of the rooms."""
    return next((ROOT / place / name for place in PLACES if (ROOT / place / name).exists()), None)


def definitions(source: str) -> set[str]:
    """Return the functions and classes of a file, methods with their class."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{item.name}" for item in inner}
    return found


def missing(text: str) -> list[str]:
    """Return what a page names and is not there."""
    wrong = []
    for name, function in FUNCTION.findall(text):
        path = file_of(name)
        if path is None or function not in definitions(path.read_text(encoding="utf-8")):
            wrong.append(f"{name}::{function}")
    return wrong + [name for name in FILE.findall(text) if file_of(name) is None]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_functions_that_a_page_names_exist(page: Path) -> None:
    assert missing(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("walk", re.split(r"^## ", WALKS, flags=re.MULTILINE)[1:], ids=lambda text: text.split(":")[0])
def test_a_walk_has_ten_steps_and_stays_in_its_room(walk: str) -> None:
    room, first, last = re.search(r"^One room: `(\w+)`, steps (\d+) to (\d+)\.$", walk, re.MULTILINE).groups()
    steps = re.split(r"^\d+\. ", walk.partition("One room:")[0], flags=re.MULTILINE)[1:]
    assert len(steps) == 10
    assert int(last) - int(first) >= 6, "most of the way"
    for step in steps[int(first) - 1 : int(last)]:
        named = {name.split("/")[0] for name, _function in FUNCTION.findall(step) if name.startswith(("_", "labhub"))}
        assert named <= {room}, step


@pytest.mark.parametrize(
    "text",
    [
        "`_accounts/plan.py::no_such`",
        "`_accounts/no_such.py::compare`",
        "`roles/shares/tasks/no_such.yml`",
        "`docs/nowhere/`",
    ],
)
def test_what_is_not_there_is_found(text: str) -> None:
    assert len(missing(text)) == 1


def test_what_is_there_is_not_found_missing() -> None:
    text = "`_accounts/plan.py::compare` `_registry/sweep.py::Sweeper.remove` `roles/hub/tasks/main.yml` `tests/hub/`"
    assert missing(text) == []
