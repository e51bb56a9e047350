# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab server in a real browser. Screenshots are kept below .cache/screenshots."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from conftest import NAME, OWN_PASSWORDS
from hub_client import HubClient
from playwright.sync_api import Page, expect, sync_playwright

SCREENSHOTS = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / ".cache" / "screenshots"
PATIENCE_MS = 90_000


@pytest.fixture
def page(address: str) -> t.Iterator[Page]:
    arguments = [
        f"--host-resolver-rules=MAP {NAME} {address}",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ]
    arguments += ["--disable-component-update", "--disable-sync"]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        page = browser.new_context(viewport={"width": 1280, "height": 800}, ignore_https_errors=True).new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


def test_alice_logs_in_and_runs_a_cell(url: str, people: dict[str, HubClient], page: Page) -> None:
    page.goto(f"{url}/hub/login")
    page.screenshot(path=SCREENSHOTS / "1-login.png")
    page.fill("#username_input", "alice")
    page.fill("#password_input", OWN_PASSWORDS["alice"])
    page.click("#login_submit")
    page.wait_for_url("**/lab**")

    # Without the workspace of an earlier visit, and with the launcher open.
    page.goto(f"{url}/user/alice/lab?reset")
    launcher = page.locator(".jp-LauncherCard[data-category='Notebook']").first
    expect(launcher).to_be_visible(timeout=PATIENCE_MS)
    page.screenshot(path=SCREENSHOTS / "2-lab.png")
    with page.expect_websocket(lambda socket: "/channels" in socket.url) as opened:
        launcher.click()
    # The status bar says "Idle" too early; the kernel itself is asked whether it is there.
    opened.value.wait_for_event("framereceived", lambda frame: b"kernel_info_reply" in _bytes(frame))
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    cell.click()
    cell.press_sequentially("import getpass; 'I am ' + getpass.getuser()")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text("I am jupyter-alice", timeout=PATIENCE_MS)
    page.screenshot(path=SCREENSHOTS / "3-cell.png")


def test_wrong_password_is_refused_in_words(url: str, page: Page) -> None:
    page.goto(f"{url}/hub/login")
    page.fill("#username_input", "alice")
    page.fill("#password_input", "wrong")
    page.click("#login_submit")
    expect(page.locator(".login_error")).to_contain_text("Invalid username or password")
    assert "/hub/login" in page.url


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame
