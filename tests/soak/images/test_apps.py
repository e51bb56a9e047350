# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apps behind jupyter-server-proxy: what a browser sends them comes through all that is before them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import browser
from hub_client import HubClient
from playwright.sync_api import expect
from stack import IDLE_SECONDS, Stack

APP = (Path(__file__).parent / "app.py").read_text()
PORT = 8123
AT = f"/proxy/{PORT}/"
pytestmark = pytest.mark.image("vscode")
FETCH = """async ([method, path, size]) => {
  const answer = await fetch(path, {method, body: size ? "x".repeat(size) : undefined});
  return [answer.status, await answer.text()];
}"""
ECHO = """(path) => new Promise((resolve, reject) => {
  const socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws")));
  const large = "x".repeat(2000000);
  socket.onopen = () => { socket.send("small"); socket.send(large); };
  const seen = [];
  socket.onmessage = (event) => { seen.push(event.data.length); if (seen.length == 2) resolve(seen); };
  socket.onerror = () => reject(new Error("the websocket failed"));
})"""


def run_app(stack: Stack, client: HubClient) -> None:
    """Start the app in somebody's server, as they would in a terminal, and wait until it answers."""
    # (Not in the home, where a new file is work that keeps a server.)
    stack.inside(client.name, "cat > /tmp/app.py", APP)
    stack.inside(client.name, f"cd / && setsid python3 /tmp/app.py {PORT} > /tmp/app.log 2>&1 &")
    for _ in range(120):
        if client.get(f"/user/{client.name}{AT}").status_code == 200:
            return
        time.sleep(0.5)
    raise AssertionError(stack.inside(client.name, "cat /tmp/app.log"))


@pytest.fixture(scope="module")
def bob(stack: Stack) -> Iterator[HubClient]:
    with stack.server("bob", "vscode") as client:
        run_app(stack, client)
        yield client


def test_forms_bodies_and_sockets_of_an_app(bob: HubClient) -> None:
    """As a browser sends them: with its cookies and Sec-Fetch headers, without any token of Jupyter's."""
    with browser(bob) as page:
        page.goto(f"{bob.base}/user/bob{AT}")
        page.fill("input[name=number]", "21")
        page.click("#send")
        expect(page.locator("#result")).to_have_text("42 of-the-app")
        assert page.url.startswith(f"{bob.base}/user/bob{AT}result"), page.url
        # (jupyter-server-proxy passes no body with DELETE.)
        for method, size in (("POST", 1000), ("PUT", 1000), ("PATCH", 1000), ("DELETE", 0)):
            status, text = page.evaluate(FETCH, [method, "body", size])
            assert status == 200, f"{method}: {text}"
            assert json.loads(text) == {"bytes": size, "method": method}
        status, text = page.evaluate(FETCH, ["POST", "body", 40_000_000])
        assert status == 200, text
        assert json.loads(text)["bytes"] == 40_000_000
        assert page.evaluate(ECHO, "echo") == [5, 2_000_000]


def test_nobody_else_reaches_the_app(stack: Stack, bob: HubClient) -> None:
    answer = stack.person("cleo").get(f"/user/bob{AT}", allow_redirects=True)
    assert answer.status_code in (403, 404) and "<form" not in answer.text
    strange = bob.session.post(
        f"{bob.base}/user/bob{AT}body", data=b"x", cookies={}, headers={"Cookie": ""}, timeout=60
    )
    assert "bytes" not in strange.text


def test_the_work_of_an_app_keeps_a_server_and_its_open_page_does_not(stack: Stack) -> None:
    """The app is neither kernel nor terminal, and what a browser sends it is no work: only what it computes counts."""
    with stack.server("dora", "vscode") as dora:
        run_app(stack, dora)
        seconds = 3 * IDLE_SECONDS
        answer = dora.api("POST", f"/user/dora{AT}work", data={"seconds": str(seconds)})
        assert answer.status_code == 200, answer.text
        end = time.monotonic() + seconds
        while time.monotonic() < end:  # nobody looks meanwhile
            assert dora.server() is not None, "a server whose app works was stopped"
            time.sleep(2)
        began = time.monotonic()
        while dora.server() is not None:
            assert time.monotonic() - began < 10 * IDLE_SECONDS, "an idle server with an open page is not stopped"
            dora.get(f"/user/dora{AT}work", allow_redirects=False)
            time.sleep(2)
        assert time.monotonic() - began > IDLE_SECONDS / 2, "the server was stopped as soon as its app had worked"
