# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub over HTTP: each person reads their own language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from live import PASSWORD, Browser, Hub, wait_for

GERMAN = "de-DE,de;q=0.9,en;q=0.5"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    lab = Hub(Path(tmp_path_factory.mktemp("live")))
    try:
        lab.start_guard()
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def bob(hub: Hub) -> Browser:
    """Somebody who reads German."""
    browser = Browser(hub.url)
    browser.headers["Accept-Language"] = GERMAN
    assert browser.login("bob", PASSWORD).status_code == 302
    return browser


def words(page: str) -> str:
    page = re.sub(r"<script.*?</script>|<style.*?</style>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_two_people_at_once_read_two_languages(hub: Hub, bob: Browser) -> None:
    alice = hub.login("alice")
    for _round in range(3):
        german, english = (one.get(f"{hub.url}/hub/home", timeout=60).text for one in (bob, alice))
        assert '<html lang="de">' in german and "Meinen Server starten" in german and "Abmelden" in german
        assert '<html lang="en">' in english and "Start my server" in english and "Logout" in english


@pytest.mark.parametrize(
    ("page", "said", "not_said"),
    [
        ("home", "Mein Konto", "My account"),
        ("token", "Neues Token anfordern", "Request new API token"),
        ("no-such-page", "Diese Seite gibt es nicht", "This page does not exist"),
        ("change-password", "Neues Passwort noch einmal", "New password again"),
        ("admin", "Diese Seite ist nicht für Sie", "authorized"),
    ],
)
def test_pages_of_ours_and_of_jupyterhub_are_german(
    hub: Hub, bob: Browser, page: str, said: str, not_said: str
) -> None:
    found = words(bob.get(f"{hub.url}/hub/{page}", timeout=60).content.decode())
    assert said in found and not_said not in found


def test_a_wrong_password_is_told_in_german(hub: Hub) -> None:
    browser = Browser(hub.url)
    browser.headers["Accept-Language"] = GERMAN
    page = words(browser.login("bob", "wrong").text)
    assert "Benutzername oder Passwort ist falsch" in page and "Anmelden" in page
    assert "Sign in" not in requests.get(f"{hub.url}/hub/login", headers=browser.headers, timeout=60).text


def test_why_a_start_failed_is_told_in_german_and_kept_in_english(hub: Hub, bob: Browser) -> None:
    form = {"_xsrf": bob.xsrf(), "image": "not-there:1"}
    said = "Das Image not-there:1 kann nicht gestartet werden. Wählen Sie ein anderes."

    def start() -> str:
        return words(bob.post(f"{hub.url}/hub/spawn", data=form, timeout=60).content.decode())

    # On a busy machine the page may still say that what is left of the start is cleared away.
    wait_for(lambda: said in start(), words="the sentence on the page")
    assert said in words(bob.get(f"{hub.url}/hub/home", timeout=60).content.decode())
    kept = json.loads((hub.folder / "state" / "failures.jsonl").read_text().splitlines()[-1])
    assert kept["sentence"] == "The image not-there:1 cannot be started. Choose another one."
    assert "The image not-there:1 cannot be started" in hub.log()


def test_a_server_is_told_the_language_of_the_page_that_started_it(hub: Hub, bob: Browser) -> None:
    started = []
    for browser in (bob, hub.login("alice")):
        browser.post(f"{hub.url}/hub/spawn", data={"_xsrf": browser.xsrf(), "image": "notebook"}, timeout=60)
    for name in ("bob", "alice"):
        environment = hub.engine.containers[f"jupyter-{name}"]["Config"]["Env"]
        started.append([line for line in environment if line.startswith("LABSERVER_LANGUAGE=")])
    assert started == [["LABSERVER_LANGUAGE=de"], ["LABSERVER_LANGUAGE=en"]]


def test_the_lab_can_fix_the_language(hub: Hub) -> None:
    path = hub.folder / "public" / "lab.json"
    try:
        path.write_text(json.dumps({"version": 1, "language": "de"}))
        assert "Anmelden" in words(requests.get(f"{hub.url}/hub/login", timeout=60).text)
        path.write_text(json.dumps({"version": 1, "language": "en", "name": "x"}))
        page = requests.get(f"{hub.url}/hub/login", headers={"Accept-Language": GERMAN}, timeout=60).text
        assert "Sign in" in words(page) and "Anmelden" not in page
    finally:
        path.unlink()
