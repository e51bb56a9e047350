# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at the hub in a browser: log in, choose a password, choose an image, run a cell, read announcements, stop.

usage: walk.py BASE NAME PASSWORD [--announcement TEXT] [--restart COMMAND] [--screenshots FOLDER]

Needs Debian's chromium. ``--restart`` is a shell command that replaces the hub in the middle of the walk; what was run
before must still be there after it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, WebSocket, expect, sync_playwright

OWN = "A password of my own"
SECOND = 1000


class Walk:
    """One walk, with a screenshot of each place."""

    def __init__(self, page: Page, base: str, screenshots: Path):
        self.page, self.base, self.screenshots = page, base.rstrip("/"), screenshots
        self.number = 0
        self.kernel_ready = False
        page.on("websocket", self._socket)

    def _socket(self, socket: WebSocket) -> None:
        # The icon says "idle" too early; a run before the kernel's first answer would be lost.
        socket.on("framereceived", self._frame)

    def _frame(self, frame: str | bytes) -> None:
        raw = frame if isinstance(frame, bytes) else frame.encode()
        self.kernel_ready = self.kernel_ready or b"kernel_info_reply" in raw

    def shot(self, name: str) -> None:
        """Keep a picture."""
        self.number += 1
        self.page.screenshot(path=str(self.screenshots / f"{self.number:02d}-{name}.png"))

    def login(self, name: str, password: str) -> None:
        """Log in, by way of the page that changes a one-time password."""
        page = self.page
        page.goto(f"{self.base}/hub/login")
        self.shot("login")
        page.fill("#username_input", name)
        page.fill("#password_input", password)
        page.click("#login_submit")
        page.wait_for_url(re.compile(r"/hub/(change-password|spawn|home)|/user/"))
        if "change-password" in page.url:
            page.fill("#old", password)
            page.fill("#new", "short")
            page.fill("#again", "short")
            page.click("#change")
            expect(page.locator("#password-message")).to_contain_text("too short")
            self.shot("password-too-short")
            page.fill("#old", password)
            page.fill("#new", OWN)
            page.fill("#again", OWN)
            page.click("#change")
            page.wait_for_url(re.compile(r"/hub/spawn|/user/"))

    def start(self, image: str | None) -> None:
        """Start a server, with an image when there is a choice."""
        page = self.page
        if page.locator("#spawn_form").count():
            self.shot("choose-image")
            if image:
                page.check(f"input[name=image][value='{image}']")
            page.click("#spawn_form button[type=submit]")
        page.wait_for_url(re.compile(r"/user/[^/]+/lab"), timeout=90 * SECOND)

    def run_cell(self, code: str, result: str) -> None:
        """Open a notebook and run a cell in it."""
        page = self.page
        page.goto(re.sub(r"/lab.*", "/lab?reset", page.url))
        card = page.locator('.jp-LauncherCard[data-category="Notebook"]').first
        card.wait_for(timeout=60 * SECOND)
        # On a busy machine JupyterLab gives up on a stylesheet, and says so; a person would load the page again.
        if page.locator(".jp-Dialog", has_text="failed to load").count():
            page.reload()
        card.click(timeout=60 * SECOND)
        until = time.monotonic() + 60
        while not self.kernel_ready and time.monotonic() < until:
            page.wait_for_timeout(200)
        assert self.kernel_ready, "the kernel did not answer within a minute"
        self.next_cell(code, result)

    def next_cell(self, code: str, result: str) -> None:
        """Run a cell of the notebook that is open."""
        page = self.page
        page.locator(".jp-Notebook .cm-content").last.click()
        page.keyboard.type(code)
        page.keyboard.press("Shift+Enter")
        expect(page.locator(".jp-OutputArea-output").filter(has_text=result).last).to_be_visible(timeout=30 * SECOND)

    def stop(self) -> None:
        """Stop the server on the hub's page."""
        page = self.page
        until = time.monotonic() + 90
        # A hub that was just replaced needs some seconds; what runs in the notebook does not wait for it.
        while (answer := page.goto(f"{self.base}/hub/home")) is None or not answer.ok:
            assert time.monotonic() < until, "the hub does not come back"
            page.wait_for_timeout(SECOND)
        self.shot("home")
        page.wait_for_load_state("networkidle")  # the button does nothing before the page's scripts are there
        # The page loads itself again when the server has stopped; a picture taken meanwhile would be of an empty one.
        with page.expect_navigation(timeout=60 * SECOND):
            page.click("#stop")
        expect(page.locator("#stop")).to_be_hidden(timeout=60 * SECOND)
        self.shot("stopped")


def main() -> int:
    """Walk; returns 0 when all was as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("name")
    parser.add_argument("password")
    parser.add_argument("--image")
    parser.add_argument("--announcement")
    parser.add_argument("--restart")
    parser.add_argument("--screenshots", type=Path, default=Path(".cache/screenshots"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    arguments.screenshots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, ignore_https_errors=True)
        page.set_default_timeout(30 * SECOND)
        walk = Walk(page, arguments.base, arguments.screenshots)
        try:
            walk.login(arguments.name, arguments.password)
            if arguments.announcement:
                page.goto(f"{walk.base}/hub/home")
                expect(page.locator(".lab-announcement").first).to_contain_text(arguments.announcement)
                walk.shot("announcement")
                page.goto(f"{walk.base}/hub/spawn")
            walk.start(arguments.image)
            walk.run_cell("value = 6 * 7; print('answer', value)", "answer 42")
            walk.shot("cell")
            if arguments.announcement:
                banner = page.locator(".labserver-announcement").first
                expect(banner).to_contain_text(arguments.announcement, timeout=90 * SECOND)
                walk.shot("announcement-in-lab")
            if arguments.restart:
                subprocess.run(arguments.restart, shell=True, check=True)
                walk.next_cell("print('still', value + 1)", "still 43")
                walk.shot("cell-after-restart")
            walk.stop()
        except Exception:
            walk.shot("failed")
            raise
        finally:
            browser.close()
    print(f"{arguments.name}: {walk.number} screenshots in {arguments.screenshots}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
