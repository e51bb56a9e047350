# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of a real hub in a browser, wide and narrow, light and dark; the pictures of the documentation are these.

They go to ``.cache/pictures``. ``make pictures`` makes those that docs/ and the README show.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import PASSWORD, Hub
from paths import ROOT
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from samples import shares_document

FOLDER = Path(os.environ.get("PICTURES") or ROOT / ".cache" / "pictures")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium")
LAB = {
    "version": 1,
    "name": "Laboratory for Surfaces",
    "contact": "Mira Maier, room 2.14",
    "help": "Data of the instruments is in /mnt/data.",
    "colour": "#0a5f7a",
    "links": [{"title": "Wiki of the lab", "url": "https://wiki.lab.example.org"}],
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("pictures"))
    public = hub.folder / "public"
    (public / "lab.json").write_text(json.dumps(LAB))
    (public / "shares.json").write_text(json.dumps(shares_document()))
    shares = {name: {"state": "ok", "reason": ""} for name in ("data", "scratch")}
    (public / "shares-status.json").write_text(json.dumps({"version": 1, "checked": "", "shares": shares}))
    hub.start_guard()
    hub.start()
    yield hub
    hub.close()


def keep(page: Page, name: str, hub: Hub) -> None:
    """Keep a picture with few colours, since it goes into the repository. Homes of a lab lie in /home."""
    page.evaluate(
        """folder => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replace(folder, "/home"); }""",
        str(hub.folder / "home"),
    )
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=str(path), animations="disabled")
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)
    assert path.stat().st_size < 120_000, "a picture of the documentation is small"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_and_are_kept(hub: Hub, width: int, scheme: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 720}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"{hub.url}/hub/login")
        expect(page.locator("body")).to_contain_text(LAB["name"])  # type: ignore[arg-type]
        keep(page, f"login-{width}-{scheme}", hub)
        page.fill("#username_input", "alice")
        page.fill("#password_input", PASSWORD)
        page.click("#login_submit")
        page.goto(f"{hub.url}/hub/home")
        expect(page.locator("body")).to_contain_text("Wiki of the lab")
        keep(page, f"home-{width}-{scheme}", hub)
        page.goto(f"{hub.url}/hub/spawn")
        expect(page.locator("#spawn_form")).to_be_visible()
        keep(page, f"choose-image-{width}-{scheme}", hub)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, "nothing has to be pushed sideways"
        browser.close()
