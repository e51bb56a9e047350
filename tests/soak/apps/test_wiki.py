# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/wiki with Debian's MediaWiki and MariaDB: both build, and pages outlive containers and lost settings."""

from __future__ import annotations

import secrets
import typing as t
from collections.abc import Iterator

import pytest
import requests
from containers import App
from image_builds import docker

SECRETS = {"database": secrets.token_hex(32), "administrator": secrets.token_hex(32)}


class Editor:
    """A person with a browser session, at MediaWiki's own interface."""

    def __init__(self, wiki: App):
        self.url = f"http://{wiki.address('web')}:8080/api.php"
        self.session = requests.Session()

    def call(self, **fields: str) -> dict[str, t.Any]:
        answer = self.session.post(self.url, data={"format": "json", **fields}, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())

    def token(self, kind: str) -> str:
        return str(self.call(action="query", meta="tokens", type=kind)["query"]["tokens"][f"{kind}token"])

    def log_in(self, password: str) -> str:
        fields = {"lgname": "Mira", "lgpassword": password, "lgtoken": self.token("login")}
        return str(self.call(action="login", **fields)["login"]["result"])

    def edit(self, title: str, text: str) -> dict[str, t.Any]:
        return self.call(action="edit", title=title, text=text, token=self.token("csrf"))

    def read(self, title: str) -> str:
        found = self.call(action="parse", page=title, prop="wikitext")
        return str(found["parse"]["wikitext"]["*"])


@pytest.fixture
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = App("wiki", tmp_path_factory.mktemp("wiki"))
    app.clean()
    start(app)
    yield app
    app.clean()


def start(wiki: App) -> None:
    for service in ("database", "web"):
        wiki.start(service, SECRETS)


def test_pages_outlive_containers_and_lost_settings(wiki: App) -> None:
    stranger = Editor(wiki)
    assert stranger.edit("Laser", "pump off")["error"]["code"] in ("permissiondenied", "protectedpage")
    assert stranger.log_in("a wrong password") != "Success"
    mira = Editor(wiki)
    assert mira.log_in(SECRETS["administrator"]) == "Success"
    assert mira.edit("Laser", "First water, then power.")["edit"]["result"] == "Success"
    assert docker("exec", wiki.container("database"), "id", "--user", "--name") == "mysql"
    assert docker("exec", wiki.container("web"), "id", "--user", "--name") == "www-data"
    # The dump of the definition holds the page, without a password on any command line.
    dumped = docker("exec", wiki.container("database"), *wiki.app["dump"]["command"])
    assert "First water, then power." in dumped

    for service in ("web", "database"):
        wiki.remove(service)
    start(wiki)
    assert Editor(wiki).read("Laser") == "First water, then power."

    for service in ("web", "database"):
        wiki.remove(service)
    docker("volume", "rm", f"{wiki.name}-settings")
    start(wiki)
    assert Editor(wiki).read("Laser") == "First water, then power."
