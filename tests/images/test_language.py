# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JupyterLab speaks the language of the page on which the server was started, until somebody chooses another."""

from __future__ import annotations

import os
import shutil
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lone_server
import pytest
from lone_server import UID, Server

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("docker"), reason="needs root and a Docker engine"),
]
SETTING = "/lab/api/settings/@jupyterlab/translation-extension:plugin"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    os.chown(made, UID, UID)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    return made


@contextmanager
def started(home: Path, language: str) -> Iterator[Server]:
    """Run a server that was started on a page in this language."""
    with (
        lone_server.hub() as hub,
        Server(lone_server.image(), home, hub, "-e", f"LABSERVER_LANGUAGE={language}") as running,
    ):
        yield running


def spoken(server: Server) -> tuple[t.Any, t.Any]:
    """Return a text as JupyterLab's page asks for it, and the title of a part of its settings."""
    chosen = server.ask("GET", SETTING).json()["settings"].get("locale", "default")
    texts = server.ask("GET", f"/lab/api/translations/{chosen}")
    texts.raise_for_status()
    menu = server.ask("GET", "/lab/api/settings/@jupyterlab/filebrowser-extension:browser").json()["schema"]["title"]
    return texts.json()["data"].get("jupyterlab", {}).get("menu\x04Language"), menu


def test_german_where_the_page_was_german(home: Path) -> None:
    with started(home, "de") as server:
        assert spoken(server) == (["Sprache"], "Dateibrowser")
        listed = server.ask("GET", "/lab/api/translations").json()["data"]
        assert sorted(listed) == ["de_DE", "en"]
        answer = server.ask("PUT", SETTING, {"raw": '{"locale": "en"}'})
        assert answer.status_code == 204, answer.text
        assert spoken(server)[0] is None
    with started(home, "de") as server:  # the choice stays
        assert spoken(server)[0] is None


@pytest.mark.parametrize("language", ["en", "", "xx"])
def test_english_elsewhere(home: Path, language: str) -> None:
    with started(home, language) as server:
        assert spoken(server) == (None, "File Browser")
