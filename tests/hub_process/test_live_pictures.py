# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of a real hub in a browser, wide and narrow, light and dark; the pictures of the documentation are these.

They go to ``.cache/pictures``. ``make pictures`` makes those that docs/ and the README show.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from live import PASSWORD, Hub
from paths import ROOT
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from samples import image_document, shares_document

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


def offered(name: str, days: int, **words: Any) -> dict[str, Any]:
    """Return an image of the lab that was made so many days ago."""
    repository, tag = name.split(":")
    digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
    made = datetime.now(UTC) - timedelta(days=days)
    return image_document(
        repository=repository, tag=tag, digest=digest, reference=f"127.0.0.1:5000/{repository}@{digest}",
        created=made.strftime("%Y-%m-%dT%H:%M:%SZ"), **words,
    )  # fmt: skip


# What a lab offers: images for all, one of the person's group, and one that somebody pushed by mistake.
IMAGES = [
    offered("scientific:2026.2", 3, title="Scientific Python", size_bytes=1_670_000_000,
            description="numpy, scipy, pandas, matplotlib, scikit-image, compilers, git"),
    offered("scientific:2026.1", 41, title="Scientific Python", size_bytes=1_610_000_000),
    offered("r:4.2", 41, title="R", size_bytes=1_240_000_000, description="R with the usual packages of Debian"),
    offered("notebook:1.0", 41, title="Notebook", size_bytes=545_000_000, description="Python, pip and git"),
    offered("leem/analysis:3.1", 12, title="LEEM analysis", size_bytes=1_790_000_000, groups=["leem"],
            description="drift correction and I(V) curves", limits={"memory_bytes": 1 << 30}),
    offered("spectra:0.1", 1, title="Spectra", state="broken", reason="jupyterhub-singleuser is missing in it"),
]  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("pictures"))
    public = hub.folder / "public"
    (public / "lab.json").write_text(json.dumps(LAB))
    (public / "shares.json").write_text(json.dumps(shares_document()))
    shares = {name: {"state": "ok", "reason": ""} for name in ("data", "scratch")}
    (public / "shares-status.json").write_text(json.dumps({"version": 1, "checked": "", "shares": shares}))
    hub.people(alice={"full_name": "Alice Ahlers", "limits": {"cpu": 2, "memory_bytes": 4 << 30}})
    document = json.loads((hub.folder / "images.json").read_text())
    (hub.folder / "images.json").write_text(json.dumps({**document, "images": IMAGES}))
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
