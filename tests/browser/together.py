# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two people of one group in a room, in two browsers: they see each other's typing and names.

usage: together.py BASE ROOM NAME:PASSWORD:FULL_NAME NAME:PASSWORD:FULL_NAME [--screenshots FOLDER]

ROOM is what the first page calls the room. Needs Debian's chromium.
"""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright
from walk import OWN, SECOND, Walk

PATIENCE = 90 * SECOND
CELL = ".jp-Notebook .cm-content"


@dataclass(frozen=True)
class Person:
    """Somebody who logs in."""

    name: str
    password: str
    full_name: str


def log_in(walk: Walk, person: Person) -> None:
    """Log in and go to the first page; the password may be chosen already."""
    page = walk.page
    page.goto(f"{walk.base}/hub/login")
    page.fill("#username_input", person.name)
    page.fill("#password_input", person.password)
    page.click("#login_submit")
    page.wait_for_url(re.compile(r"/hub/(change-password|spawn|home|my-server)|/user/"))
    if "change-password" in page.url:
        page.fill("#old", person.password)
        page.fill("#new", OWN)
        page.fill("#again", OWN)
        page.click("#change")
        page.wait_for_url(re.compile(r"/hub/(spawn|home)|/user/"))
    page.goto(f"{walk.base}/hub/home")


def enter(walk: Walk, room: str) -> None:
    """Go into the room by its button."""
    page = walk.page
    page.get_by_role("button", name=re.compile(rf"(Open|Enter) {re.escape(room)}$")).click()
    page.wait_for_url(re.compile(r"/user/room-[^/]+/lab"), timeout=PATIENCE)


def new_notebook(page: Page) -> str:
    """Make a notebook in the room and return its name."""
    page.goto(re.sub(r"/lab.*", "/lab?reset", page.url))
    page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click(timeout=PATIENCE)
    page.locator(CELL).first.wait_for(timeout=PATIENCE)
    page.wait_for_url(re.compile(r"\.ipynb"), timeout=PATIENCE)
    return re.sub(r".*/tree/|[?#].*", "", page.url)


def work(first: Page, second: Page, people: tuple[Person, Person]) -> None:
    """Let both type in one cell and run it."""
    first.locator(CELL).first.click()
    first.keyboard.type("first = 6 * 7")
    expect(second.locator(CELL).first).to_contain_text("first = 6 * 7", timeout=PATIENCE)
    second.locator(CELL).first.click()
    second.keyboard.press("Control+End")
    second.keyboard.type("\nprint('together', first)")
    expect(first.locator(CELL).first).to_contain_text("print('together', first)", timeout=PATIENCE)
    second.keyboard.press("Control+Enter")
    for page in (first, second):
        shown = page.locator(".jp-OutputArea-output").filter(has_text="together 42")
        expect(shown.last).to_be_visible(timeout=PATIENCE)
    for page, other in ((first, people[1]), (second, people[0])):
        expect(page.get_by_text(other.full_name).first).to_be_attached(timeout=PATIENCE)


def main() -> int:
    """Walk; returns 0 when all was as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("room")
    parser.add_argument("people", nargs=2, type=lambda text: Person(*text.split(":", 2)))
    parser.add_argument("--screenshots", type=Path, default=Path(".cache/screenshots"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    arguments.screenshots.mkdir(parents=True, exist_ok=True)
    mira, jonas = arguments.people
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        walks = []
        for person in (mira, jonas):
            browser = stack.enter_context(
                playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
            )
            page = browser.new_page(viewport={"width": 1280, "height": 800}, ignore_https_errors=True)
            page.set_default_timeout(60 * SECOND)
            folder = arguments.screenshots / person.name
            folder.mkdir(exist_ok=True)
            walks.append(Walk(page, arguments.base, folder))
        first, second = walks
        try:
            log_in(first, mira)
            expect(first.page.locator("#rooms")).to_contain_text(arguments.room)
            first.shot("home")
            enter(first, arguments.room)
            name = new_notebook(first.page)
            log_in(second, jonas)
            expect(second.page.locator("#rooms")).to_contain_text(f"Inside: {mira.full_name}")
            second.shot("home-with-somebody-inside")
            second.page.set_viewport_size({"width": 390, "height": 844})
            second.shot("home-on-a-phone")
            second.page.emulate_media(color_scheme="dark")
            second.shot("home-on-a-phone-dark")
            second.page.set_viewport_size({"width": 1280, "height": 800})
            second.page.emulate_media(color_scheme="light")
            enter(second, arguments.room)
            second.page.goto(re.sub(r"/lab.*", f"/lab/tree/{name}", second.page.url))
            second.page.locator(CELL).first.wait_for(timeout=PATIENCE)
            work(first.page, second.page, (mira, jonas))
            first.shot("together")
            second.shot("together")
        except Exception:
            first.shot("failed")
            second.shot("failed")
            raise
    print(f"{mira.name} and {jonas.name} worked together in {arguments.room}, in {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
