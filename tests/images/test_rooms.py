# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Working together in one notebook: on in a room, where each is seen by their own name, and off in other servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import lone_server
import pytest
from lone_server import UID, Server
from long_tests import long
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
SECOND = 1000
PEOPLE = {"token-of-mira": ("mira", "Mira Marlow"), "token-of-jonas": ("jonas", "Jonas Falk")}
ROOM = ("-e", "JUPYTER_CONFIG_PATH=/opt/jupyter/etc/labserver-room", "-e", "JUPYTERHUB_ALLOW_TOKEN_IN_URL=1")
NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "id": "first", "source": "", "metadata": {}, "outputs": [], "execution_count": None}
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("docker"), reason="needs root and a Docker engine"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    os.chown(tmp_path, UID, UID)
    tmp_path.parent.chmod(0o755)
    notebook = tmp_path / "shared.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK))
    os.chown(notebook, UID, UID)
    return tmp_path


@contextmanager
def two_browsers() -> Iterator[tuple[Browser, Browser]]:
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        both = [
            stack.enter_context(playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]))
            for _person in PEOPLE
        ]
        yield both[0], both[1]


NEWS = "@jupyterlab/apputils-extension:announcements"
TOGETHER = "@jupyter/collaboration-extension"


def disabled(server: Server) -> list[str]:
    """Return the extensions that JupyterLab's page leaves out."""
    page = server.ask("GET", "/lab").text
    found = re.search(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found, page
    return list(json.loads(found[1])["disabledExtensions"])


def opened(browser: Browser, server: Server, token: str) -> Page:
    """Return the page of a person who has opened the notebook."""
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    page.set_default_timeout(90 * SECOND)
    page.goto(f"http://{server.address}/lab/tree/shared.ipynb?token={token}")
    page.locator(".jp-Notebook .cm-content").first.wait_for()
    return page


@long("soak-long")
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Debian's chromium")
def test_two_people_in_one_notebook_see_each_others_typing_and_names(home: Path) -> None:
    pictures = Path(".cache/screenshots/room")
    pictures.mkdir(parents=True, exist_ok=True)
    with lone_server.hub(PEOPLE) as hub, Server(lone_server.image(), home, hub, *ROOM) as server:
        left_out = disabled(server)
        assert NEWS in left_out and TOGETHER not in left_out, "a room asks nobody whether it may fetch news either"
        with two_browsers() as (first, second):
            mira, jonas = opened(first, server, "token-of-mira"), opened(second, server, "token-of-jonas")
            cells = mira.locator(".jp-Notebook .cm-content").first, jonas.locator(".jp-Notebook .cm-content").first
            try:
                cells[0].click()
                mira.keyboard.type("mira_wrote = 6 * 7")
                expect(cells[1]).to_contain_text("mira_wrote = 6 * 7", timeout=60 * SECOND)
                cells[1].click()
                jonas.keyboard.press("Control+End")
                jonas.keyboard.type("\nprint('both', mira_wrote)")
                expect(cells[0]).to_contain_text("print('both', mira_wrote)", timeout=60 * SECOND)
                # What one runs, the other sees.
                jonas.keyboard.press("Shift+Enter")
                shown = mira.locator(".jp-OutputArea-output").filter(has_text="both 42")
                expect(shown.last).to_be_visible(timeout=90 * SECOND)
                # Each under their own name, not under that of the server's account.
                cells[1].click()
                expect(mira.get_by_text("Jonas Falk").first).to_be_attached(timeout=60 * SECOND)
                expect(jonas.get_by_text("Mira Marlow").first).to_be_attached(timeout=60 * SECOND)
            finally:
                mira.screenshot(path=str(pictures / "mira.png"))
                jonas.screenshot(path=str(pictures / "jonas.png"))
        # Documents are saved a moment after the last change, also when all have closed their browsers.
        until = time.monotonic() + 30
        while "print('both', mira_wrote)" not in (home / "shared.ipynb").read_text():
            assert time.monotonic() < until, "it is saved by itself"
            time.sleep(0.5)


def test_a_persons_own_server_has_nothing_of_it(home: Path) -> None:
    with lone_server.hub() as hub, Server(lone_server.image(), home, hub) as server:
        assert server.ask("PUT", "/api/collaboration/session/shared.ipynb", {}).status_code == 404
        left_out = disabled(server)
        assert NEWS in left_out and TOGETHER in left_out
        log = server.log()
    assert "jupyter_server_ydoc" not in log and "jupyter_server_fileid" not in log
    assert not list(home.rglob("*ystore*")) and not list(home.rglob("file_id_manager*"))
