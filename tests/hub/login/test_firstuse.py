# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in, one-time passwords and the rules for new ones."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import types
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from labhub.login.firstuse import LabFirstUseAuthenticator
from labhub.login.password_store import PasswordStore, StoreError
from samples import roster_document
from tornado.web import HTTPError

ONE_TIME = "k3vd-9xqa-one-time"


def digest(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def lab(tmp_path: Path) -> LabFirstUseAuthenticator:
    (tmp_path / "roster.json").write_text(json.dumps(roster_document()))
    store = PasswordStore(tmp_path / "passwords.sqlite")
    store.create()
    store.apply({name: digest(ONE_TIME) for name in ("alice", "carol")}, [], "now")
    (tmp_path / "record.json").write_text(store.record().text())
    return LabFirstUseAuthenticator(
        roster_file=str(tmp_path / "roster.json"),
        store_path=str(tmp_path / "passwords.sqlite"),
        record_path=str(tmp_path / "record.json"),
        rounds=4,
    )


def request(address: str = "10.0.0.9") -> Any:
    return types.SimpleNamespace(request=types.SimpleNamespace(remote_ip=address))


async def login(lab: LabFirstUseAuthenticator, name: str, password: str, address: str = "10.0.0.9") -> Any:
    return await lab.get_authenticated_user(request(address), {"username": name, "password": password})


async def test_the_right_password_lets_in(lab: LabFirstUseAuthenticator) -> None:
    found = await login(lab, "alice", ONE_TIME)
    assert (found["name"], found["admin"]) == ("alice", True)
    assert (await login(lab, "Alice", ONE_TIME))["name"] == "alice"


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("alice", ""), ("alice", "x" * 73), ("alice", "ä" * 100), ("alice", "a\0b"),
     ("carol", "wrong"), ("mary-ann", ONE_TIME), ("mary-ann", ""), ("stranger", "x"), ("", "")],
)  # fmt: skip
async def test_everything_else_does_not(lab: LabFirstUseAuthenticator, name: str, password: str) -> None:
    assert await login(lab, name, password) is None


async def test_somebody_with_the_right_password_who_may_not_enter_is_told_why(lab: LabFirstUseAuthenticator) -> None:
    with pytest.raises(HTTPError, match="the account is locked") as caught:
        await login(lab, "carol", ONE_TIME)
    assert caught.value.status_code == 403


async def test_a_person_who_is_removed_is_out_at_once(lab: LabFirstUseAuthenticator) -> None:
    user = types.SimpleNamespace(name="alice")
    assert await lab.refresh_user(user)
    document = roster_document()
    document["users"]["alice"]["state"] = "absent"
    Path(lab.roster_file).write_text(json.dumps(document))
    assert not await lab.refresh_user(user)
    with pytest.raises(HTTPError, match="the account is absent"):
        await login(lab, "alice", ONE_TIME)


async def test_the_sixth_guess_has_to_wait(lab: LabFirstUseAuthenticator) -> None:
    for _ in range(5):
        assert await login(lab, "alice", "wrong") is None
    with pytest.raises(HTTPError, match="Too many wrong passwords") as caught:
        await login(lab, "alice", ONE_TIME)
    assert caught.value.status_code == 403
    assert (await login(lab, "alice", ONE_TIME, "10.0.0.10"))["name"] == "alice", "the person elsewhere still gets in"


async def test_a_success_takes_back_the_failures_of_its_own_address_alone(lab: LabFirstUseAuthenticator) -> None:
    for address in ("10.0.0.10", "10.0.0.10", "10.0.1.1", "10.0.1.2"):
        assert await login(lab, "alice", "wrong", address) is None
    assert (await login(lab, "alice", ONE_TIME, "10.0.0.10"))["name"] == "alice"
    with sqlite3.connect(lab.store.path) as connection:
        names = (
            "SELECT subject, count FROM failures WHERE subject NOT LIKE ' %'"  # those of addresses begin with a space
        )
        left = dict(connection.execute(names))
    assert left == {"alice": 2, "alice 10.0.1.1": 1, "alice 10.0.1.2": 1}, "guesses from elsewhere go on counting"


@pytest.mark.parametrize("name", ["alice", "stranger", "carol"])
async def test_a_wrong_password_costs_the_same_for_everybody(
    lab: LabFirstUseAuthenticator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Who has a one-time password, and whether a name exists, is not to be read from the time that it takes."""
    costs: list[int] = []
    real = bcrypt.checkpw

    def checkpw(password: bytes, digest: bytes) -> bool:
        costs.append(int(digest.split(b"$")[2]))
        return real(password, digest)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    assert await login(lab, name, "wrong") is None
    assert costs.count(12) == 1
    assert sum(2**cost for cost in costs) < 1.01 * 2**12


async def test_guesses_that_come_at_once_have_to_wait_as_well(lab: LabFirstUseAuthenticator) -> None:
    found = await asyncio.gather(*(login(lab, "alice", f"wrong{n}") for n in range(40)), return_exceptions=True)
    tried = [one for one in found if not isinstance(one, HTTPError)]
    assert len(tried) <= 7, "five are free; two threads may overtake each other"


async def test_endless_names_do_not_fill_the_store(lab: LabFirstUseAuthenticator) -> None:
    assert await login(lab, "a" * 100_000, "wrong") is None
    assert lab.store.path.stat().st_size < 100_000


async def test_nobody_logs_in_as_a_room_and_it_needs_no_password_to_start(
    lab: LabFirstUseAuthenticator, tmp_path: Path
) -> None:
    document = roster_document()
    document["users"]["room-x"] = {**document["users"]["alice"], "admin": False, "room": {"image": ""}}
    (tmp_path / "roster.json").write_text(json.dumps(document))
    room, alice = types.SimpleNamespace(name="room-x"), types.SimpleNamespace(name="alice")
    lab.pre_spawn_start(room, None)
    with pytest.raises(HTTPError, match="password of your own first"):
        lab.pre_spawn_start(room, types.SimpleNamespace(handler=types.SimpleNamespace(current_user=alice)))
    # Even where a password of that name came into the store.
    lab.store.apply({"room-x": digest(ONE_TIME)}, [], "now")
    with pytest.raises(HTTPError, match="people go by their own names"):
        await login(lab, "room-x", ONE_TIME)


async def test_one_time_passwords_must_be_changed(lab: LabFirstUseAuthenticator) -> None:
    user = types.SimpleNamespace(name="alice")
    assert lab.must_change("alice")
    with pytest.raises(HTTPError, match="password of your own first"):
        lab.pre_spawn_start(user, None)
    assert await lab.change_password(request(), "alice", ONE_TIME, "correct horse") == ""
    assert not lab.must_change("alice")
    lab.pre_spawn_start(user, None)
    assert (await login(lab, "alice", "correct horse"))["name"] == "alice"
    assert await login(lab, "alice", ONE_TIME) is None


@pytest.mark.parametrize(
    ("old", "new", "objection"),
    [
        (ONE_TIME, "short", "at least 10 characters"),
        (ONE_TIME, "ä" * 37, "74 bytes, at most 72"),
        (ONE_TIME, ONE_TIME, "is the old one"),
        (ONE_TIME, "Alice12345", "little more than the user name"),
        (ONE_TIME, "nul\0nulnulnul", "no password can have"),
        ("wrong", "correct horse", "current password is wrong"),
    ],
)
async def test_objections_to_a_new_password(lab: LabFirstUseAuthenticator, old: str, new: str, objection: str) -> None:
    assert objection in await lab.change_password(request(), "alice", old, new)
    assert lab.must_change("alice")


async def test_a_password_of_72_bytes_works(lab: LabFirstUseAuthenticator) -> None:
    long = "ä" * 36
    assert await lab.change_password(request(), "alice", ONE_TIME, long) == ""
    assert (await login(lab, "alice", long))["name"] == "alice"


def test_the_hub_refuses_a_store_that_lost_entries(lab: LabFirstUseAuthenticator) -> None:
    lab.check_store()
    lab.store.path.unlink()
    lab.store.create()
    with pytest.raises(StoreError):
        lab.check_store()
