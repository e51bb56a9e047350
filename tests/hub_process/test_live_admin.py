# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub over HTTP: what the inventory decides cannot be changed on the admin page or by the API."""

from __future__ import annotations

from collections.abc import Iterator
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
