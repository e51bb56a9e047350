# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub over HTTP: nobody can fill its database, its failures or its log, or stop it by what they send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from live import PASSWORD, Browser, Hub, wait_for


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    lab = Hub(Path(tmp_path_factory.mktemp("live")), gpus=["GPU-0"])
    lab.people(alice={"limits": {"gpus": 1}}, bob={"limits": {"gpus": 1}})
    try:
        lab.start_guard()
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module")
def bob(hub: Hub) -> Browser:
    return hub.login("bob")


def failures(hub: Hub) -> list[dict[str, Any]]:
    path = hub.folder / "state" / "failures.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("path", ["users/bob/tokens", "users/bob/server", "users/bob/activity"])
def test_a_long_body_is_refused_before_it_is_read(hub: Hub, bob: Browser, path: str) -> None:
    before = (hub.folder / "state" / "jupyterhub.sqlite").stat().st_size
    try:
        answer = bob.api("POST", path, {"note": "x" * 3_000_000})
        assert answer.status_code in (400, 413)
    except requests.RequestException:
        pass  # the hub hung up while it was sent
    assert (hub.folder / "state" / "jupyterhub.sqlite").stat().st_size < before + 1_000_000
    assert bob.api("GET", "user").status_code == 200


@pytest.mark.parametrize("note", ["x" * 201, "two\nlines", "\x1b[2J", 7, ["x"]])
def test_the_note_of_a_token_is_some_words(hub: Hub, bob: Browser, note: object) -> None:
    answer = bob.api("POST", "users/bob/tokens", {"note": note})
    assert answer.status_code == 400, answer.text
    assert "at most 200 letters" in answer.json()["message"]


def test_a_person_has_a_bounded_number_of_tokens(hub: Hub, bob: Browser) -> None:
    codes = [bob.api("POST", "users/bob/tokens", {"note": f"für {number}"}).status_code for number in range(52)]
    assert codes == [201] * 50 + [400] * 2
    other = requests.post(
        f"{hub.url}/hub/api/users/bob/tokens", json={"auth": {"username": "bob", "password": "wrong"}}, timeout=60
    )
    assert other.status_code == 403, "how many there are is told to nobody else"
    one = bob.api("GET", "users/bob/tokens").json()["api_tokens"][-1]["id"]
    assert bob.api("DELETE", f"users/bob/tokens/{one}").status_code == 204
    login = {"auth": {"username": "bob", "password": PASSWORD}, "note": "by password"}
    assert requests.post(f"{hub.url}/hub/api/users/bob/tokens", json=login, timeout=60).status_code == 201


def test_what_an_older_hub_stored_is_shortened_at_the_start(hub: Hub, bob: Browser) -> None:
    hub.stop()
    hub.rows("UPDATE api_tokens SET note = ? WHERE note LIKE 'für%'", "x" * 100_000)
    hub.start()
    assert hub.rows("SELECT max(length(note)) FROM api_tokens") == [(200,)]


@pytest.mark.parametrize(
    "choice",
    [
        {"image": "\x1b[2J\x1b[H\nfake row " + "x" * 3000},
        {"image": "no-such-image"},
        {"gpus": float("inf")},
        {"gpus": float("nan")},
        {"gpus": {"a": 1}},
        {"gpus": "\x1b[2J" + "1" * 3000},
        {"gpus": -1},
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_clean_words(hub: Hub, bob: Browser, choice: dict[str, Any]) -> None:
    body = json.dumps(choice).replace("Infinity", "1e400")
    headers = {"X-XSRFToken": bob.xsrf(), "Content-Type": "application/json"}
    bob.get(f"{hub.url}/hub/token", timeout=30)
    headers["X-XSRFToken"] = bob.xsrf()
    answer = bob.post(f"{hub.url}/hub/api/users/bob/server", data=body, headers=headers, timeout=60)
    if choice != {"image": "no-such-image"} and "image" not in choice:
        assert answer.status_code in (400, 500) and "Internal Server Error" not in answer.text, answer.text
    assert "\x1b" not in json.dumps(failures(hub), ensure_ascii=False)
    assert all(len(json.dumps(one)) < 40_000 for one in failures(hub))
    assert "\x1b[2J" not in hub.log()


def test_a_choice_of_a_megabyte_is_refused(hub: Hub, bob: Browser) -> None:
    answer = bob.api("POST", "users/bob/server", {"image": "x" * 500_000})
    assert answer.status_code == 400
    assert "at most 4096 bytes" in answer.json()["message"]


def test_the_log_shows_no_name_as_it_was_typed(hub: Hub) -> None:
    Browser(hub.url).login("eve\x1b[31m\n[I] forged", "x")
    assert "\x1b[31m" not in hub.log()
    assert "\n[I] forged" not in hub.log()


ODD = [None, 0, -1, 1e400, 10**30, "x", "\x1b[2J", [], [1], {"a": 1}, True]


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("users/bob/tokens", ("note", "expires_in", "roles", "scopes", "auth")),
        ("users/bob/activity", ("last_activity", "servers")),
        ("users/bob/server", ("image", "gpus", "user_options", "display_name")),
    ],
)
def test_no_odd_value_is_a_fault_of_the_hub(hub: Hub, bob: Browser, path: str, keys: tuple[str, ...]) -> None:
    bob.get(f"{hub.url}/hub/token", timeout=30)
    bodies = ODD + [{key: value} for key in keys for value in ODD]
    headers = {"X-XSRFToken": bob.xsrf(), "Content-Type": "application/json"}
    wrong = []
    for body in bodies:
        raw = json.dumps(body).replace("Infinity", "1e400")
        answer = bob.post(f"{hub.url}/hub/api/{path}", data=raw, headers=headers, timeout=60)
        assert "already running" not in answer.text
        if "Internal Server Error" in answer.text or "Traceback" in answer.text:
            wrong.append((raw, answer.status_code, answer.text[:200]))
        if answer.status_code in (201, 202) and path.endswith("server"):
            wait_for(lambda: bob.ready("bob"), 60, "the server")
            bob.api("DELETE", "users/bob/server")
            wait_for(lambda: not bob.api("GET", "users/bob").json()["servers"], 60, "its end")
    assert wrong == []
