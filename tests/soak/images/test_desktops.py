# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desktop and VS Code as people have them: in a browser, through the front door, with key and mouse."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from browser import SECOND, browser, shot
from pictures import changed, colours
from playwright.sync_api import expect
from stack import Stack


def until(what: str, check: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a check holds."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} seconds"
        time.sleep(0.5)


@pytest.mark.image("desktop")
def test_the_desktop_is_seen_and_used(stack: Stack) -> None:
    with stack.server("bob", "desktop") as bob, browser(bob) as page:
        page.goto(f"{bob.base}/user/bob/desktop/")
        expect(page.locator("#status")).to_have_text(re.compile("Connected"), timeout=90 * SECOND)
        display = "export DISPLAY=:$(ls /tmp/.X11-unix | tr -d X);"
        windows = f"{display} xwininfo -root -tree"
        until("the panel", lambda: "xfce4-panel" in stack.inside("bob", windows))
        until("the background", lambda: "Desktop" in stack.inside("bob", windows))
        time.sleep(3)
        empty = shot(page, "desktop")
        assert len(colours(empty)) > 30, "the desktop has no more colours than a blank screen"
        terminal = "xfce4-terminal --disable-server --title 'Terminal of bob'"
        stack.inside("bob", f"{display} setsid {terminal} >/dev/null 2>&1 &")
        until("the terminal", lambda: "Terminal of bob" in stack.inside("bob", windows))
        until("the terminal in the picture", lambda: changed(empty, shot(page, "desktop-terminal")) > 0.05)
        page.mouse.click(640, 420)
        page.keyboard.type("echo typed on the desktop > typed.txt\n", delay=40)
        typed = stack.folder / "home" / "jupyter-bob" / "typed.txt"
        until("what was typed", lambda: typed.exists() and typed.read_text() == "typed on the desktop\n")
        shot(page, "desktop-typed")
        # What the hub looks for before it stops a server that seems idle.
        assert stack.work("bob") == "a process is marked with labserver-keep"


@pytest.mark.image("vscode")
def test_vs_code_edits_and_has_a_terminal(stack: Stack) -> None:
    home = stack.folder / "home" / "jupyter-bob"
    with stack.server("bob", "vscode") as bob, browser(bob) as page:
        stack.inside("bob", "mkdir -p ~/project && echo 'print(6 * 7)' > ~/project/answer.py")
        page.goto(f"{bob.base}/user/bob/vscode/?folder={home}/project")
        entry = page.locator(".explorer-viewlet .monaco-list-row", has_text="answer.py")
        entry.wait_for(timeout=120 * SECOND)
        entry.dblclick()
        editor = page.locator(".editor-instance .view-lines").first
        expect(editor).to_contain_text("print", timeout=60 * SECOND)
        editor.click()
        page.keyboard.press("Control+End")
        page.keyboard.type("# typed in VS Code")
        page.keyboard.press("Control+S")
        until("what was typed", lambda: "# typed in VS Code" in (home / "project" / "answer.py").read_text())
        # The terminal is a native part (node-pty).
        page.keyboard.press("Control+Backquote")
        page.locator(".terminal-wrapper .xterm-helper-textarea").first.wait_for(state="attached")
        until("a shell", lambda: stack.inside("bob", "pgrep -f '[s]hellIntegration' || true") != "")
        time.sleep(2)
        page.keyboard.type("python3 answer.py > answer.txt\n", delay=20)
        written = home / "project" / "answer.txt"
        until("the answer", lambda: written.exists() and written.read_text() == "42\n")
        picture = shot(page, "vscode")
        assert len(colours(picture)) > 50
