# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser for somebody who is logged in. Pictures of what it saw are kept in .cache/screenshots."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from hub_client import HubClient
from paths import ROOT
from playwright.sync_api import Page, sync_playwright

SECOND = 1000
PICTURES = ROOT / ".cache" / "screenshots" / "images"


@contextlib.contextmanager
def browser(client: HubClient) -> Iterator[Page]:
    """A page of a browser that has the person's cookies."""
    cookies = [
        {"name": one.name, "value": one.value or "", "url": f"{client.base}{one.path}", "secure": True}
        for one in client.session.cookies
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, ignore_https_errors=True)
        context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(90 * SECOND)
        try:
            yield page
        finally:
            chromium.close()


def shot(page: Page, name: str) -> bytes:
    """Take a picture, and keep it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return page.screenshot(path=str(PICTURES / f"{name}.png"))
