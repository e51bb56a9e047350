# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration is tried before it is installed: what a snippet can do wrong is told."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from jupyterhub import dbutil
from jupyterhub.orm import new_session_factory
from labhub.app import LabHub
from labhub.trial import CONFIG, problems


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with settings and secrets of a hub, which the trial is pointed to."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "proxy_token").write_text("0" * 64)
    (tmp_path / "config.d").mkdir()
    settings = {"version": 1, "secrets_folder": str(tmp_path / "secrets")}
    (tmp_path / "hub.json").write_text(json.dumps(settings))
    monkeypatch.setenv("LABHUB_SETTINGS", str(tmp_path / "hub.json"))
    monkeypatch.setenv("LABHUB_CONFIG_D", str(tmp_path / "config.d"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trial(folder: Path, snippet: str) -> list[str]:
    """Return what a trial says of a snippet."""
    (folder / "config.d" / "01.py").write_text(snippet)
    return problems()


def test_the_plain_configuration_passes(folder: Path) -> None:
    assert trial(folder, "c.JupyterHub.logo_file = '/tmp/logo.png'\n") == []
    assert not (folder / "jupyterhub.sqlite").exists(), "a trial touches no database"


def test_hub_and_spawners_read_the_same_files(folder: Path) -> None:
    app = LabHub()
    app.load_config_file(str(CONFIG))
    assert app.spawner_class(parent=app).sources is app.sources
    assert app.sources.settings.secrets_folder == str(folder / "secrets")


OAUTH = {
    **dict.fromkeys(("authorize_url", "token_url", "userinfo_url"), "https://id.example.org/x"),
    "callback_url": "https://hub.example.org/hub/oauth_callback",
    "client_id": "hub",
    "scopes": ["openid"],
}


@pytest.mark.parametrize(
    ("authenticator", "login"),
    [
        ("native", {}),
        ("oauth", OAUTH),
        ("ldap", {"server": "ldap.example.org", "bind_templates": ["uid={username},dc=example"]}),
        ("ldap", {"server": "ldap.example.org", "search_base": "dc=example", "search_user": "cn=hub"}),
    ],
)
def test_each_authenticator_can_be_loaded(folder: Path, authenticator: str, login: dict[str, object]) -> None:
    settings = json.loads((folder / "hub.json").read_text())
    settings |= {"authenticator": authenticator, "login": login}
    (folder / "hub.json").write_text(json.dumps(settings))
    assert problems() == []
    (folder / "hub.json").write_text(json.dumps(settings | {"login": {"servr": "x"}, "authenticator": "ldap"}))
    assert "servr" in "".join(problems())
    (folder / "hub.json").write_text(json.dumps(settings | {"authenticator": "pam"}))
    assert "'pam' is not one of firstuse, native, oauth, ldap" in "".join(problems())


@pytest.mark.parametrize(
    ("snippet", "words"),
    [
        ("c.LabSpawner.mem_limitt = 3\n", "mem_limitt"),
        ("c.LabFirstUseAuthenticator.minimum_lenght = 3\n", "minimum_lenght"),
        ("c.JupyterHub.concurrent_spawn_limit = 'many'\n", "concurrent_spawn_limit"),
        ("c.JupyterHub.spawner_class = 'no.such.Spawner'\n", "no.such.Spawner"),
        ("raise RuntimeError('broken by hand')\n", "broken by hand"),
        ("import sys\nsys.exit(3)\n", "ends the hub: 3"),
        ("open('/no/such/file')\n", "/no/such/file"),
    ],
)
def test_mistakes_are_told(folder: Path, snippet: str, words: str) -> None:
    assert words in "\n".join(trial(folder, snippet))


def test_a_newer_hub_brings_the_database_of_the_former_one_along(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{folder}/jupyterhub.sqlite"
    new_session_factory(url)().close()
    with sqlite3.connect(folder / "jupyterhub.sqlite") as connection:
        newest = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = '4621fec11365'")  # that of JupyterHub 4

    def upgrade(db_url: str) -> None:
        assert db_url == url
        with sqlite3.connect(folder / "jupyterhub.sqlite") as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", newest)

    monkeypatch.setattr(dbutil, "upgrade", upgrade)
    settings = json.loads((folder / "hub.json").read_text())
    (folder / "hub.json").write_text(json.dumps({**settings, "state_folder": str(folder)}))
    app = LabHub()
    app.load_config_file(str(CONFIG))
    app.init_db()
    assert newest != ("4621fec11365",)
    assert len(list(folder.glob("jupyterhub.sqlite.*"))) == 1, "the hub's own copy"
