# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each of a person's servers is kept by itself, with the buttons in JupyterLab and on the first page, and shared so.

In a browser: JupyterHub takes a request of a page by what a browser says of it, which no other client does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from entering import answered, may_enter
from live import PASSWORD, Browser, Hub, wait_for
from long_tests import long
from paths import ROOT
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, Route, expect

pytestmark = long("soak-long")
BAR = ROOT / "roles/images/files/images/notebook/announcements/static/remoteEntry.js"
LAB = """<!doctype html><title>lab</title><body><script id="jupyter-config-data" type="application/json">%s</script>
<script>%s</script><script>
_JUPYTERLAB["labserver-announcements"].get("./extension").then(function (made) { made().default.activate(); });
</script>"""


class LabHub(Hub):
    """A hub whose third person has a password too."""

    own_passwords = ("alice", "bob", "cleo")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Bob's two servers run; what works in neither is told ten seconds after the start."""
    lab = LabHub(
        Path(tmp_path_factory.mktemp("live")), sharing=True, culling_idle_seconds=600, culling_warning_seconds=590
    )
    limits = {"cpu": 2.0, "memory_bytes": 4 << 30, "gpus": 0, "images": None, "pids": 1024}
    lab.people(bob={"limits": {**limits, "servers": 2}, "groups": []}, cleo={"limits": limits, "groups": []})
    try:
        lab.start_guard()
        lab.start()
        bob = lab.login("bob")
        assert bob.api("POST", "users/bob/servers/sim", {}).status_code in (201, 202)
        bob.start_server("bob")
        yield lab
    finally:
        lab.close()


@pytest.fixture
def page(hub: Hub, chromium: Chromium) -> Iterator[Page]:
    """A browser in which bob has logged in, and opens JupyterLab as his server sends it, with a cookie of its own."""
    page = chromium.new_page(locale="en-GB")
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", "bob")
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")
    body = LAB % (json.dumps({"hubPrefix": "/hub/"}), BAR.read_text())

    def lab(route: Route) -> None:
        route.fulfill(
            body=body, content_type="text/html", headers={"Set-Cookie": "_xsrf=the-servers-own; Path=/user/bob/"}
        )

    page.route("**/user/bob/lab", lab)
    yield page
    page.close()


def entered(hub: Hub, browser: Browser, server: str = "") -> bool:
    """Tell whether one of bob's servers lets somebody in."""
    return may_enter(answered(hub, browser, "bob", server), "bob", server)


def kept_up(bob: Browser, hub: Hub) -> set[str]:
    """Return the servers of which bob is told that they end."""
    told: list[dict[str, Any]] = bob.get(f"{hub.url}/hub/announcements", timeout=60).json()["announcements"]
    return {one["server"] for one in told if one["stay"]}


def test_a_colleague_is_let_into_one_of_several_servers(hub: Hub, page: Page) -> None:
    cleo = hub.login("cleo")
    page.goto(f"{hub.url}/hub/home")
    page.fill("#share-with", "cleo")
    page.select_option("#share-server", "sim")
    page.get_by_role("button", name="Let them in").click()
    expect(page.locator(".lab-share")).to_contain_text("sim: Shared with", timeout=60_000)
    assert 'href="/user/bob/sim/"' in cleo.get(f"{hub.url}/hub/home", timeout=60).text
    answer = answered(hub, cleo, "bob", "sim")
    assert may_enter(answer, "bob", "sim"), answer.text + hub.log()[-3000:]
    assert not entered(hub, cleo), "the first server is not shared"
    page.locator(".lab-share-end").click()
    expect(page.locator(".lab-share")).to_have_count(0, timeout=60_000)
    assert not entered(hub, cleo, "sim")


def test_each_server_is_kept_by_its_own_button(hub: Hub, page: Page) -> None:
    bob = hub.login("bob")
    wait_for(lambda: kept_up(bob, hub) == {"bob", "bob/sim"}, 120, "both warnings")
    page.goto(f"{hub.url}/user/bob/lab")
    line = page.locator(".labserver-announcement", has_text="Your server sim is idle")
    line.locator("button").click()
    expect(line).to_have_count(0, timeout=30_000)
    assert kept_up(bob, hub) == {"bob"}, "the first server was not meant"
    page.goto(f"{hub.url}/hub/home")
    expect(page.get_by_role("button", name="I still need sim")).to_have_count(1)
    with page.expect_response("**/hub/stay") as answer, page.expect_navigation():
        page.get_by_role("button", name="I still need my server").click()
    assert answer.value.status == 204 and "bob" not in kept_up(bob, hub)
    wait_for(lambda: kept_up(bob, hub) == {"bob", "bob/sim"}, 120, "both warnings anew")
    page.get_by_role("button", name="I still need sim").click()
    wait_for(lambda: kept_up(bob, hub) == {"bob"}, 10, "the end of the warning of sim")
    old = bob.post(f"{hub.url}/hub/stay", headers={"X-XSRFToken": bob.xsrf()}, timeout=60)
    assert old.status_code == 204 and not kept_up(bob, hub), "as the bar of an older image asks: for all of them"


@pytest.mark.parametrize(
    ("headers", "server", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, "bob/sim", 204),
        ({"Sec-Fetch-Site": "same-origin"}, "alice", 404),
        ({"Sec-Fetch-Site": "same-origin"}, "bob/none", 404),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{here}"}, "bob", 403),
        ({"Sec-Fetch-Site": "same-site"}, "bob", 403),
        ({"Origin": "{here}"}, "bob", 204),
        ({"Origin": "http://127.0.0.1:1"}, "bob", 403),
        ({"Origin": "null"}, "bob", 403),
        ({}, "bob", 403),
    ],
)
def test_who_else_asks_is_refused(hub: Hub, headers: dict[str, str], server: str, status: int) -> None:
    sent = {name: value.format(here=hub.url) for name, value in headers.items()}
    answer = hub.login("bob").post(f"{hub.url}/hub/stay", data={"server": server}, headers=sent, timeout=60)
    assert answer.status_code == status
