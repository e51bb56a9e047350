# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to log in besides the hub's own passwords: whom a name at a provider means, and sign-ups with approval."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import types
from pathlib import Path
from typing import Any

import pytest
from jupyterhub import orm
from labhub.login import ldap, native, oauth, trust
from labhub.login.gate import mapped
from ldap3.core.exceptions import LDAPSocketOpenError
from samples import roster_document, settings
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError

PASSWORD = "a password of my own"


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("alice", {}, "alice"),
        ("asmith", {"asmith": "alice"}, "alice"),
        ("alice", {"asmith": "alice"}, None),
        ("alice", {"alice": "alice"}, "alice"),
        ("bob", {"asmith": "alice"}, "bob"),
    ],
)
def test_names_elsewhere_become_names_here(name: str, names: dict[str, str], found: str | None) -> None:
    assert mapped(name, names) == found


OPTIONS = oauth.Options(
    authorize_url="https://id.example.org/auth",
    token_url="https://id.example.org/token",
    userinfo_url="https://id.example.org/me",
    callback_url="https://hub.example.org/hub/oauth_callback",
    client_id="hub",
    service="GitLab",
)
BY_MAIL = dataclasses.replace(OPTIONS, claim="email", pattern="([a-z]+)@example[.]org")


@pytest.mark.parametrize(
    ("info", "options"),
    [
        ({"preferred_username": "alice"}, OPTIONS),
        ({"preferred_username": "Alice"}, OPTIONS),
        ({"email": "alice@example.org", "email_verified": True}, BY_MAIL),
        ({"preferred_username": "asmith"}, dataclasses.replace(OPTIONS, names={"asmith": "alice"})),
    ],
)
def test_a_provider_means_alice(info: dict[str, Any], options: oauth.Options) -> None:
    assert oauth.name_of(info, options) == "alice"


@pytest.mark.parametrize(
    ("info", "options", "words"),
    [
        ({"sub": "1"}, OPTIONS, "GitLab did not send your preferred_username"),
        ({"preferred_username": 7}, OPTIONS, "did not send"),
        ({"email": "alice@example.org"}, BY_MAIL, "has not verified that the address"),
        ({"email": "alice@example.org", "email_verified": "true"}, BY_MAIL, "has not verified that the address"),
        ({"email": "alice@example.org.evil.net", "email_verified": True}, BY_MAIL, "does not accept that name"),
        ({"email": "x\nalice@example.org", "email_verified": True}, BY_MAIL, "does not accept that name"),
        (
            {"preferred_username": "alice"},
            dataclasses.replace(OPTIONS, names={"asmith": "alice"}),
            "somebody else here",
        ),
    ],
)
def test_a_provider_means_nobody(info: dict[str, Any], options: oauth.Options, words: str) -> None:
    with pytest.raises(HTTPError, match=words) as caught:
        oauth.name_of(info, options)
    assert caught.value.status_code == 403


def request() -> Any:
    return types.SimpleNamespace(request=types.SimpleNamespace(remote_ip="10.0.0.9"))


@pytest.fixture
def hub(tmp_path: Path) -> native.LabNativeAuthenticator:
    (tmp_path / "roster.json").write_text(json.dumps(roster_document()))
    return native.LabNativeAuthenticator(
        db=orm.new_session_factory(f"sqlite:///{tmp_path}/jupyterhub.sqlite")(),
        roster_file=str(tmp_path / "roster.json"),
        failures_path=str(tmp_path / "failures.sqlite"),
        rounds=4,
    )


async def login(hub: Any, name: str, password: str) -> Any:
    return await hub.get_authenticated_user(request(), {"username": name, "password": password})


async def test_a_sign_up_waits_for_approval(hub: native.LabNativeAuthenticator) -> None:
    assert await hub.sign_up("alice", PASSWORD) == ""
    assert hub.waiting() == ["alice"]
    with pytest.raises(HTTPError, match="no administrator has approved it yet"):
        await login(hub, "alice", PASSWORD)
    assert await login(hub, "alice", "wrong") is None
    assert hub.decide("alice", "approve")
    found = await login(hub, "alice", PASSWORD)
    assert (found["name"], found["admin"]) == ("alice", True)
    assert not hub.decide("alice", "discard"), "who was approved is no longer thrown away"


async def test_sign_ups_that_are_refused(hub: native.LabNativeAuthenticator) -> None:
    assert await hub.sign_up("alice", PASSWORD) == ""
    assert "has signed up already" in await hub.sign_up("alice", "another password")
    for name in ("stranger", "carol", "", "alice "):
        assert "not among the people" in await hub.sign_up(name, PASSWORD)
    assert hub.waiting() == ["alice"]


async def test_a_password_too_short_or_too_long_is_refused(hub: native.LabNativeAuthenticator) -> None:
    assert "at least 10 characters" in await hub.sign_up("alice", "short")
    assert "at most 72" in await hub.sign_up("alice", "x" * 73)
    assert await login(hub, "alice", "x" * 73) is None


async def test_an_approved_person_changes_the_password_and_leaves(hub: native.LabNativeAuthenticator) -> None:
    await hub.sign_up("alice", PASSWORD)
    hub.decide("alice", "approve")
    assert "wrong" in await hub.change_password(request(), "alice", "not it at all", "another password")
    assert await hub.change_password(request(), "alice", PASSWORD, "another password") == ""
    assert (await login(hub, "alice", "another password"))["name"] == "alice"
    document = roster_document()
    document["users"]["alice"]["state"] = "absent"
    Path(hub.roster_file).write_text(json.dumps(document))
    with pytest.raises(HTTPError, match="the account is absent"):
        await login(hub, "alice", "another password")


async def test_the_first_administrator_is_approved_from_the_host(
    hub: native.LabNativeAuthenticator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(native, "load", lambda: settings(state_folder=str(tmp_path)))
    await hub.sign_up("alice", PASSWORD)
    with pytest.raises(HTTPError):
        await login(hub, "alice", PASSWORD)
    assert native.main(["list"]) == 0
    assert capsys.readouterr().out == "alice\n"
    assert native.main(["approve", "alice"]) == 0
    assert (await login(hub, "alice", PASSWORD))["name"] == "alice", "the hub that runs sees it"
    assert native.main(["approve", "alice"]) == 1
    assert native.main(["approve"]) == 2
    assert native.main(["discard", "alice"]) == 0, "who forgot the password signs up again"
    assert await login(hub, "alice", PASSWORD) is None
    assert native.main(["discard", "alice"]) == 1


async def test_a_hub_that_lost_its_database_lets_nobody_claim_an_account(tmp_path: Path) -> None:
    (tmp_path / "roster.json").write_text(json.dumps(roster_document()))
    hub = native.LabNativeAuthenticator(
        db=orm.new_session_factory(f"sqlite:///{tmp_path}/new.sqlite")(),
        roster_file=str(tmp_path / "roster.json"),
        failures_path=str(tmp_path / "failures.sqlite"),
        rounds=4,
    )
    assert await login(hub, "alice", PASSWORD) is None
    assert await hub.sign_up("alice", "the attacker's one") == ""
    with pytest.raises(HTTPError, match="no administrator"):
        await login(hub, "alice", "the attacker's one")
    with contextlib.closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        assert connection.execute("SELECT username, is_authorized FROM users_info").fetchall() == [("alice", 0)]


class Directory(ldap.LabLDAPAuthenticator):
    """A directory with one password for all, or one that is away."""

    away = False

    def get_connection(self, userdn: str | None, password: str | None) -> Any:
        if self.away:
            raise LDAPSocketOpenError("connection refused")
        return types.SimpleNamespace() if password == PASSWORD else None


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    (tmp_path / "roster.json").write_text(json.dumps(roster_document()))
    return Directory(
        roster_file=str(tmp_path / "roster.json"),
        failures_path=str(tmp_path / "failures.sqlite"),
        bind_dn_template=["uid={username},dc=example"],
    )


async def test_the_directory_says_who_it_is_and_the_roster_who_may_in(directory: Directory) -> None:
    found = await login(directory, "Alice ", PASSWORD)
    assert (found["name"], found["admin"]) == ("alice", True)
    assert await login(directory, "alice", "wrong") is None
    assert await login(directory, "alice", "") is None
    with pytest.raises(HTTPError, match="not among the people of this server"):
        await login(directory, "stranger", PASSWORD)
    with pytest.raises(HTTPError, match="the account is locked"):
        await login(directory, "carol", PASSWORD)


async def test_guesses_have_to_wait_for_the_directory_too(directory: Directory) -> None:
    for _ in range(5):
        assert await login(directory, "alice", "wrong") is None
    with pytest.raises(HTTPError, match="Too many wrong passwords"):
        await login(directory, "alice", PASSWORD)


async def test_a_directory_that_is_away_is_said_to_be(directory: Directory) -> None:
    directory.away = True
    with pytest.raises(HTTPError, match="does not answer") as caught:
        await login(directory, "alice", PASSWORD)
    assert caught.value.status_code == 503
    directory.away = False
    assert (await login(directory, "alice", PASSWORD))["name"] == "alice", "and nothing was counted as a guess"


def test_the_authority_of_the_lab_is_trusted_as_well(tmp_path: Path) -> None:
    (tmp_path / "system.crt").write_text("SYSTEM\n")
    lab = settings(public_folder=str(tmp_path))
    assert Path(trust.bundle(lab, tmp_path / "system.crt")).read_text() == "SYSTEM\n"
    (tmp_path / "ca.crt").write_text("OWN\n")
    assert Path(trust.bundle(lab, tmp_path / "system.crt")).read_text() == "SYSTEM\nOWN\n"


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("refused"), HTTPClientError(599, "timeout"), HTTPClientError(401)]
)
async def test_a_provider_that_is_away_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_arguments: Any, **_options: Any) -> None:
        raise error

    (tmp_path / "secret").write_text("of the hub\n")
    hub = oauth.LabOAuthenticator(client_id="hub", token_url=OPTIONS.token_url, userdata_url=OPTIONS.userinfo_url)
    monkeypatch.setattr(oauth.LabOAuthenticator, "options", OPTIONS, raising=False)
    monkeypatch.setattr(oauth.LabOAuthenticator, "secret_file", tmp_path / "secret", raising=False)
    monkeypatch.setattr(hub, "get_token_info", fail)
    monkeypatch.setattr(hub, "build_access_tokens_request_params", lambda *_: {})
    with pytest.raises(HTTPError, match="GitLab does not answer as it should") as caught:
        await hub.authenticate(request())
    assert caught.value.status_code == 503
    assert hub.client_secret == "of the hub"
