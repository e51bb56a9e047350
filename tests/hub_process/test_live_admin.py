# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub over HTTP: what the inventory decides cannot be changed on the admin page or by the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from live import Browser, Hub, wait_for


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    lab = Hub(Path(tmp_path_factory.mktemp("live")))
    try:
        lab.start_guard()
        lab.start()
        yield lab
    finally:
        lab.close()


def write_roster(hub: Hub, document: dict[str, object]) -> None:
    new = hub.folder / "public" / "roster.new"
    new.write_text(json.dumps(document))
    new.replace(hub.folder / "public" / "roster.json")


@pytest.fixture(scope="module")
def alice(hub: Hub) -> Browser:
    browser = hub.login("alice")
    hub.login("bob").start_server("bob")
    return browser


DECIDED = [
    ("PATCH", "users/bob", {"name": "bob", "admin": True}),  # what the page sends for one tick
    ("PATCH", "users/bob", {"name": "robert"}),
    ("PATCH", "users/bob", {"name": None}),
    ("PATCH", "users/alice", {"admin": False}),
    ("POST", "users", {"usernames": ["mallory"]}),
    ("POST", "users/mallory", None),
    ("DELETE", "users/bob", None),
    ("POST", "groups/leem", None),
    ("POST", "groups", {"groups": ["leem"]}),
    ("POST", "groups/leem/users", {"users": ["bob"]}),
    ("DELETE", "groups/leem/users", {"users": ["bob"]}),
    ("PUT", "groups/leem/properties", {"a": 1}),
    ("DELETE", "groups/leem", None),
]


@pytest.mark.parametrize(("method", "path", "body"), DECIDED)
def test_what_the_roster_decides_is_refused(hub: Hub, alice: Browser, method: str, path: str, body: object) -> None:
    before = hub.rows("SELECT name, admin FROM users ORDER BY name")
    answer = alice.api(method, path, body)
    assert answer.status_code == 403, answer.text
    assert "inventory" in answer.json()["message"]
    assert hub.rows("SELECT name, admin FROM users ORDER BY name") == before == [("alice", 1), ("bob", 0)]
    assert alice.api("GET", "users").status_code == 200, "the list behind the admin page"
    assert alice.ready("bob")


def test_the_admin_page_says_where_people_are_changed(hub: Hub, alice: Browser) -> None:
    assert "inventory" in alice.get(f"{hub.url}/hub/admin", timeout=30).text


def test_who_is_no_administrator_is_refused_as_ever(hub: Hub) -> None:
    answer = hub.login("bob").api("PATCH", "users/alice", {"admin": False})
    assert answer.status_code in (403, 404)
    assert "inventory" not in answer.text


def test_a_row_without_a_name_is_given_back_to_its_person(hub: Hub, alice: Browser) -> None:
    """What the tick made of a hub before this was refused: also after a restart nothing worked any more."""
    container = hub.engine.containers["jupyter-bob"]["Id"]
    hub.stop()
    hub.rows("UPDATE users SET name = NULL WHERE name = 'bob'")
    hub.start()
    wait_for(lambda: alice.ready("bob"), 30, "bob's server")
    assert hub.engine.containers["jupyter-bob"]["Id"] == container
    assert hub.engine.containers["jupyter-bob"]["State"]["Running"]
    assert alice.api("GET", "users").status_code == 200


def test_rows_of_nobody_do_not_stay(hub: Hub, alice: Browser) -> None:
    hub.stop()
    hub.rows("INSERT INTO users(name, admin, cookie_id) VALUES(NULL, 1, 'x'), ('mallory', 1, 'y'), ('', 0, 'z')")
    hub.start()
    wait_for(lambda: hub.rows("SELECT name FROM users ORDER BY name") == [("alice",), ("bob",)], 30, "the repair")
    assert alice.api("GET", "users").status_code == 200
    assert hub.engine.containers["jupyter-bob"]["State"]["Running"]


def test_somebody_of_the_roster_who_never_logged_in_can_be_given_a_row_and_no_right(hub: Hub, alice: Browser) -> None:
    assert alice.api("POST", "users/cleo", {"admin": True}).status_code == 403
    assert hub.rows("SELECT name FROM users WHERE name = 'cleo'") == []
    assert alice.api("POST", "users/cleo").status_code == 201
    assert hub.rows("SELECT name, admin FROM users WHERE name = 'cleo'") == [("cleo", 0)]


def test_the_page_shows_500_people_in_one_request_and_their_names_are_only_words(hub: Hub, alice: Browser) -> None:
    document = json.loads((hub.folder / "public" / "roster.json").read_text())
    bob, many = document["users"]["bob"], {}
    for number in range(500):
        own = {"full_name": f"<script>alert({number})</script>", "system_name": f"jupyter-person-{number}"}
        many[f"person-{number}"] = {**bob, **own, "uid": 30000 + number}
    try:
        write_roster(hub, {**document, "users": {**document["users"], **many}})
        answer = alice.get(f"{hub.url}/hub/admin", timeout=60)
    finally:
        write_roster(hub, document)
    assert answer.text.count('<tr data-user="person-') == 500
    assert "<script>alert(" not in answer.text and "&lt;script&gt;alert(499)" in answer.text
    row = answer.text.partition('<tr data-user="bob"')[2].partition("</tr>")[0]
    assert 'data-state="running"' in row and "notebook:1.0" in row and 'href="/user/bob/"' in row
    assert answer.text.count('data-state="never"') >= 500
    assert "Edit User" not in answer.text and "Add User" not in answer.text


def test_the_page_is_for_administrators(hub: Hub) -> None:
    bob = hub.login("bob")
    for path in ("admin", "admin/usage", "admin/status"):
        assert bob.get(f"{hub.url}/hub/{path}", timeout=30).status_code == 403
    answer = bob.post(f"{hub.url}/hub/admin/message", json={"people": ["alice"], "text": "x"},
                      headers={"X-XSRFToken": bob.xsrf()}, timeout=30)  # fmt: skip
    assert answer.status_code == 403
    assert not (hub.folder / "state" / "messages.json").exists()


def leave_status(hub: Hub, age: timedelta, said: str) -> None:
    """Write the page as the host does: a new file in place of the old one."""
    made = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    page = f'<!doctype html>\n<html lang="en"><head><title>x</title></head><body><h1>{said}</h1></body></html>\n'
    new = hub.folder / "status.new"
    new.write_text(json.dumps({"version": 1, "made": made, "page": page}))
    new.replace(hub.folder / "status.json")


def test_the_status_of_the_server_is_shown_with_its_age(hub: Hub, alice: Browser) -> None:
    address = f"{hub.url}/hub/admin/status"
    assert f'href="{address.removeprefix(hub.url)}"' in alice.get(f"{hub.url}/hub/admin", timeout=30).text
    absent = alice.get(address, timeout=30)
    assert absent.status_code == 503 and "labserver run status-page" in absent.text

    leave_status(hub, timedelta(seconds=20), "all is well")
    answer = alice.get(address, timeout=30)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert re.search(r"<body><p [^>]*>Made 2\d seconds ago\. <a href=\"/hub/admin\">", answer.text)
    assert answer.text.endswith("<h1>all is well</h1></body></html>\n")
    rules = {rule.split()[0]: rule.split()[1:] for rule in answer.headers["Content-Security-Policy"].split(";")}
    assert rules["default-src"] == rules["form-action"] == rules["frame-ancestors"] == ["'none'"]
    assert "script-src" not in rules and answer.headers["Cache-Control"] == "no-store"

    leave_status(hub, timedelta(minutes=10), "an old page")
    stale = alice.get(address, headers={"Accept-Language": "de"}, timeout=30).text
    assert "Diese Seite ist schon 10 Minuten alt" in stale and "an old page" in stale

    (hub.folder / "status.json").write_text('{"version": 1, "made"')
    assert "an old page" in alice.get(address, timeout=30).text, "a damaged file is none"
    refused, asked = hub.login("bob").get(address, timeout=30), Browser(hub.url).get(address, timeout=30)
    assert refused.status_code == 403 and "/hub/login" in asked.url
    assert "an old page" not in refused.text + asked.text


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"people": [], "text": "x"}, {"people": ["nobody"], "text": "x"}, {"people": ["bob"], "text": " "},
     {"people": ["bob"], "text": "x" * 501}, {"people": ["bob"], "text": "x", "hours": 1e4},
     {"people": "bob", "text": "x"}, {"people": ["bob"], "text": 1}],
)  # fmt: skip
def test_a_message_that_is_none_is_refused(hub: Hub, alice: Browser, body: object) -> None:
    answer = alice.post(f"{hub.url}/hub/admin/message", json=body, headers={"X-XSRFToken": alice.xsrf()}, timeout=30)
    assert answer.status_code == 400, answer.text


def test_a_message_is_read_where_its_person_is(hub: Hub, alice: Browser) -> None:
    sent = {"people": ["bob"], "text": "The <b>LEEM</b> needs the memory", "hours": 2}
    assert alice.post(f"{hub.url}/hub/admin/message", json=sent, timeout=30).status_code == 403, "no token"
    answer = alice.post(f"{hub.url}/hub/admin/message", json=sent, headers={"X-XSRFToken": alice.xsrf()}, timeout=30)
    assert answer.status_code == 204
    bob = hub.login("bob")
    assert "The &lt;b&gt;LEEM&lt;/b&gt; needs the memory" in bob.get(f"{hub.url}/hub/home", timeout=30).text
    told = bob.get(f"{hub.url}/hub/announcements", timeout=30).json()["announcements"]
    assert [one["text"] for one in told] == ["The <b>LEEM</b> needs the memory"]
    assert "LEEM" not in alice.get(f"{hub.url}/hub/home", timeout=30).text


def test_whose_server_is_opened_by_somebody_else_is_told(hub: Hub, alice: Browser) -> None:
    where = {"client_id": "jupyterhub-user-bob", "redirect_uri": "/user/bob/oauth_callback", "response_type": "code"}
    bob = hub.login("bob")

    def told() -> str:
        return " ".join(
            one["text"] for one in bob.get(f"{hub.url}/hub/announcements", timeout=30).json()["announcements"]
        )

    for browser in (bob, alice):
        page = browser.get(f"{hub.url}/hub/api/oauth2/authorize", params=where, allow_redirects=False, timeout=30)
        if page.status_code == 200:  # somebody else's server: the visitor is asked
            assert "opened your server" not in told(), "nobody was let in yet"
            form = {"_xsrf": browser.xsrf(), "scopes": ["access:servers!server=bob/"]}
            address = f"{hub.url}/hub/api/oauth2/authorize"
            page = browser.post(address, params=where, data=form, allow_redirects=False, timeout=30)
        assert "code=" in page.headers["Location"]
        assert ("Alice A. (alice) opened your server at" in told()) == (browser is alice)
