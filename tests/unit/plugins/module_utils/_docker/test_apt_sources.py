# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of one package source go from apt's files, and all others stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import apt_sources as core

URL = "https://download.docker.com/linux/debian"
OTHER = "deb https://nvidia.example.org/debian trixie main\n"


@pytest.mark.parametrize(
    "line",
    [
        f"deb [arch=amd64 signed-by=/usr/share/keyrings/docker.asc] {URL} trixie stable\n",
        f"deb {URL}/ trixie stable # engine\n",
        f"deb-src [ arch=amd64 trusted=no ] {URL} trixie stable\n",
    ],
)
def test_the_line_goes_and_others_stay(line: str) -> None:
    assert core.without_lines(f"# by hand\n{OTHER}{line}", URL) == f"# by hand\n{OTHER}"


@pytest.mark.parametrize(
    "line",
    [f"# deb {URL} trixie stable\n", f"deb {URL}-mirror trixie stable\n", f"deb https://x.example.org/{URL} a b\n"],
)
def test_what_only_looks_like_it_stays(line: str) -> None:
    assert core.without_lines(line, URL) == line


def test_a_paragraph_goes_and_others_stay() -> None:
    text = f"Types: deb\nURIs: https://a.example.org\nSuites: x\n\nTypes: deb\nURIs: {URL}\nSuites: trixie\n"
    assert core.without_paragraphs(text, URL) == "Types: deb\nURIs: https://a.example.org\nSuites: x"
    first = f"Types: deb\nURIs: {URL}\nSuites: trixie\n\nTypes: deb\nURIs: https://a.example.org\nSuites: x\n"
    assert core.without_paragraphs(first, URL) == "Types: deb\nURIs: https://a.example.org\nSuites: x\n"


def test_of_several_addresses_in_a_paragraph_one_goes() -> None:
    text = f"Types: deb\nURIs: https://a.example.org\n  {URL}\nSuites: x\n"
    assert core.without_paragraphs(text, URL) == "Types: deb\nURIs: https://a.example.org\nSuites: x\n"


def test_files_are_kept_as_they_were(tmp_path: Path) -> None:
    mixed, alone, mine = tmp_path / "lab.list", tmp_path / "docker.list", tmp_path / "labserver-docker.sources"
    mixed.write_text(f"{OTHER}deb {URL} trixie stable\n")
    alone.write_text(f"# Docker\ndeb {URL} trixie stable\n")
    mine.write_text(f"Types: deb\nURIs: {URL}\n")
    (tmp_path / "docker.list.replaced-by-labserver").write_text("older\n")
    core.apply(core.compare(tmp_path, URL, mine.name))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "lab.list": OTHER,
        "lab.list.replaced-by-labserver": f"{OTHER}deb {URL} trixie stable\n",
        "docker.list.replaced-by-labserver": "older\n",
        "docker.list.replaced-by-labserver.~1~": f"# Docker\ndeb {URL} trixie stable\n",
        mine.name: f"Types: deb\nURIs: {URL}\n",
    }
    assert core.compare(tmp_path, URL, mine.name) == ()
