# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first page and the login page of a real hub: the lab's own words, and what each person sees."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from live import Browser, Hub, wait_for
from samples import shares_document

NAME = "Laboratory for <Surfaces>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("front"))
    public = hub.folder / "public"
    document = {
        "version": 1,
        "name": NAME,
        "contact": "Rita Vega, room 2.14",
        "help": "Data is in /mnt/data.",
        "colour": "#0a7f5a",
        "logo": {"type": "image/svg+xml", "data": base64.b64encode(SVG).decode()},
        "links": [
            {"title": "Wiki", "url": "https://wiki.example"},
            {"title": "Cooks", "url": "/c", "groups": ["cooks"]},
        ],
    }
    (public / "lab.json").write_text(json.dumps(document))
    status = {
        "scratch": {"state": "critical", "reason": "the NAS does not answer"},
        "data": {"state": "ok", "reason": ""},
    }
    (public / "shares-status.json").write_text(json.dumps({"version": 1, "checked": "", "shares": status}))
    hub.start_guard()
    hub.start()
    yield hub
    hub.close()


def home(hub: Hub, browser: Browser) -> str:
    return browser.get(f"{hub.url}/hub/home", timeout=60).text


def test_the_login_page_says_where_one_is_and_whom_to_ask(hub: Hub) -> None:
    page = requests.get(f"{hub.url}/hub/login", timeout=60).text
    assert "Laboratory for &lt;Surfaces&gt;" in page and NAME not in page
    assert "Forgotten your password?" in page and "Rita Vega, room 2.14" in page
    assert "Data is in /mnt/data." in page


def test_the_logo_is_shown_and_cannot_run_scripts(hub: Hub) -> None:
    answer = requests.get(f"{hub.url}/hub/lab-logo", timeout=60)
    assert answer.content == SVG
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_the_first_page_shows_server_files_links_and_account(hub: Hub) -> None:
    bob = hub.login("bob")
    page = home(hub, bob)
    assert "It does not run." in page and "1 GiB of memory" in page
    assert str(hub.folder / "home" / "jupyter-bob") in page
    assert "https://wiki.example" in page and "Cooks" not in page
    (hub.folder / "public" / "shares.json").write_text(json.dumps(shares_document()))
    try:
        page = home(hub, bob)
    finally:
        (hub.folder / "public" / "shares.json").unlink()
    assert "/mnt/data" in page and "/mnt/scratch" in page and "the NAS does not answer" in page


def test_a_running_server_is_shown_with_its_image_and_can_be_stopped(hub: Hub) -> None:
    (hub.folder / "public" / "shares.json").write_text(json.dumps({"version": 1, "shares": {}}))
    bob = hub.login("bob")
    bob.start_server("bob", {"image": "notebook:1.0"})
    page = home(hub, bob)
    assert "notebook:1.0" in page and 'id="stop"' in page and "Open my server" in page
    usage = bob.get(f"{hub.url}/hub/my-server/usage", timeout=60).json()
    assert usage.pop("idle") == "It is stopped in 1 day if nothing works in it until then."
    assert usage == {"memory_bytes": None, "cores": None}, "this engine counts nothing"
    hub.engine.kill("jupyter-bob")
    wait_for(lambda: "It does not run." in home(hub, bob), 60, "the end of the server on the page")


def test_a_start_that_failed_is_told_on_the_first_page(hub: Hub) -> None:
    entry = {"at": "2999-01-01T00:00:00+00:00", "user": "bob", "image": "notebook:1.0", "sentence": "It <ran> out."}
    (hub.folder / "state" / "failures.jsonl").write_text("no json\n" + json.dumps(entry) + "\n")
    try:
        assert "It &lt;ran&gt; out." in home(hub, hub.login("bob"))
        assert "out." not in home(hub, hub.login("alice"))
    finally:
        (hub.folder / "state" / "failures.jsonl").unlink()


def test_a_change_of_the_lab_needs_no_restart(hub: Hub) -> None:
    path: Path = hub.folder / "public" / "lab.json"
    before = path.read_text()
    try:
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"version": 1, "name": "Another name"}))
        new.replace(path)
        page = requests.get(f"{hub.url}/hub/login", timeout=60).text
        assert "Another name" in page and "Rita" not in page
        assert requests.get(f"{hub.url}/hub/lab-logo", timeout=60).status_code == 404
    finally:
        path.write_text(before)


def test_a_page_that_is_not_there_says_so_and_keeps_name_and_logout(hub: Hub) -> None:
    answer = hub.login("bob").get(f"{hub.url}/hub/no-such-page", timeout=60)
    assert answer.status_code == 404
    assert "This page does not exist" in answer.text and "moons" not in answer.text
    assert 'id="logout"' in answer.text
