# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub over HTTP: what people see when a server hangs, a tab is old, or no image is for them."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
from labhub.login.password_store import PasswordStore
from live import PASSWORD, Browser, Hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    lab = Hub(Path(tmp_path_factory.mktemp("live")))
    lab.people(alice={"limits": {"images": ["nothing-like-it"]}})
    try:
        lab.start_guard()
        lab.start()
        lab.login("bob").start_server("bob")
        yield lab
    finally:
        lab.close()


def test_a_login_leads_to_the_server(hub: Hub) -> None:
    bob = Browser(hub.url)
    answer = bob.login("bob", PASSWORD)
    assert answer.headers["Location"] == "/hub/my-server"
    assert bob.get(f"{hub.url}/hub/my-server", allow_redirects=False, timeout=30).headers["Location"] == "/user/bob/"


def test_a_page_that_somebody_wanted_comes_after_the_login(hub: Hub) -> None:
    bob = Browser(hub.url)
    bob.get(f"{hub.url}/hub/login", timeout=30)
    form = {"username": "bob", "password": PASSWORD, "_xsrf": bob.xsrf()}
    wanted = f"{hub.url}/hub/login?next=/user/bob/lab/tree/a.ipynb"
    answer = bob.post(wanted, data=form, allow_redirects=False, timeout=60)
    way = bob.get(hub.url + answer.headers["Location"], allow_redirects=False, timeout=30)
    assert way.headers["Location"] == "/user/bob/lab/tree/a.ipynb"
    way = bob.get(f"{hub.url}/hub/my-server?next=https://evil.example/", allow_redirects=False, timeout=30)
    assert way.headers["Location"] == "/user/bob/"


def test_a_one_time_password_is_changed_before_anything_is_started(hub: Hub) -> None:
    once = "given-by-the-lab"
    store = PasswordStore(hub.folder / "state" / "passwords.sqlite")
    store.apply({"cleo": bcrypt.hashpw(once.encode(), bcrypt.gensalt(4)).decode()}, [], "now")
    cleo = Browser(hub.url)
    assert "/hub/change-password" in cleo.login("cleo", once).headers["Location"]
    for page in ("spawn", "spawn/cleo", "spawn/cleo/sim", "my-server"):
        answer = cleo.get(f"{hub.url}/hub/{page}", timeout=60)
        assert "/hub/change-password" in answer.url, page
    form = {"_xsrf": cleo.xsrf(), "image": "notebook:1"}
    answer = cleo.post(f"{hub.url}/hub/spawn", data=form, allow_redirects=False, timeout=60)
    assert "/hub/change-password" in answer.headers["Location"]
    assert cleo.api("POST", "users/cleo/server", {}).status_code == 403
    assert "jupyter-cleo" not in hub.engine.containers
    form = {"_xsrf": cleo.xsrf(), "old": once, "new": PASSWORD, "again": PASSWORD}
    answer = cleo.post(f"{hub.url}/hub/change-password", data=form, allow_redirects=False, timeout=60)
    assert answer.status_code == 302
    assert "/hub/change-password" not in cleo.get(f"{hub.url}/hub/spawn", timeout=60).url


def test_a_server_that_hangs_is_told_within_seconds(hub: Hub) -> None:
    hub.engine.containers["jupyter-bob"]["State"]["Paused"] = True
    try:
        bob = Browser(hub.url)
        answer = bob.login("bob", PASSWORD)
        began = time.monotonic()
        page = bob.get(hub.url + answer.headers["Location"], allow_redirects=False, timeout=30)
        assert page.status_code == 503
        assert time.monotonic() - began < 15
        assert "does not answer" in page.text
        assert "Stop My Server" in page.text
        home = bob.get(f"{hub.url}/hub/home", timeout=60).text
        assert 'href="/hub/my-server?next=/user/bob"' in home
    finally:
        hub.engine.containers["jupyter-bob"]["State"]["Paused"] = False


def test_a_stale_tab_gets_words(hub: Hub) -> None:
    alice = hub.login("alice")
    answer = alice.post(f"{hub.url}/hub/spawn", data={"_xsrf": "of yesterday", "image": "x"}, timeout=30)
    assert answer.status_code == 403
    assert "This page is out of date" in answer.text
    assert "XSRF" not in answer.text


def test_who_may_use_no_image_reads_so_and_sees_no_button(hub: Hub) -> None:
    page = hub.login("alice").get(f"{hub.url}/hub/spawn", timeout=60).text
    assert "None of the 2 images of this server is for you" in page
    assert "#spawn_form button[type=submit] { display: none }" in page


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False)])
def test_cookies_of_a_page_over_https_are_sent_over_https_alone(hub: Hub, scheme: str, secure: bool) -> None:
    browser = Browser(hub.url)
    browser.get(f"{hub.url}/hub/login", headers={"X-Scheme": scheme}, timeout=30)
    assert {cookie.name: cookie.secure for cookie in browser.cookies} == {"_xsrf": secure}


def test_a_server_that_is_out_of_service_starts_nothing_and_says_whom_to_ask(hub: Hub) -> None:
    """Last here: afterwards alice has a server."""
    hub.people()
    notice = hub.folder / "public" / "retirement.json"
    day = datetime.datetime.now().astimezone().date()
    try:
        notice.write_text(json.dumps({"version": 1, "day": f"{day + datetime.timedelta(1)}", "contact": "Rita Vega"}))
        alice = hub.login("alice")
        assert f"goes out of service on {day + datetime.timedelta(1)}" in alice.get(f"{hub.url}/hub/home").text
        notice.write_text(json.dumps({"version": 1, "day": f"{day}", "contact": "Rita Vega"}))
        refused = alice.api("POST", "users/alice/server", {"image": "notebook"})
        words = f"has been out of service since {day}, so nothing is started here any more. Questions: Rita Vega"
        assert refused.status_code >= 400 and words in refused.text, refused.text
        assert "jupyter-alice" not in hub.engine.containers
        assert "jupyter-bob" in hub.engine.containers, "what runs goes on"
    finally:
        notice.unlink(missing_ok=True)
    alice.start_server("alice")
    assert "jupyter-alice" in hub.engine.containers, "the server stays: what was taken back forbids nothing"
