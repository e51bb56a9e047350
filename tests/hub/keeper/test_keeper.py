# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub in step with the roster: who is out is out, but an unreadable list puts nobody out."""

from __future__ import annotations

import asyncio
import json
import types
from pathlib import Path
from typing import Any

import pytest
from jupyterhub import orm
from labhub.exchange.settings import Settings
from labhub.keeper.adoption import Adoption
from labhub.keeper.keeper import Keeper
from labhub.login.firstuse import LabFirstUseAuthenticator
from samples import roster_document, silent_board
from tornado.web import HTTPError


class Users(dict[int, Any]):
    """The hub's users, none of whom has a server."""

    def __missing__(self, _key: int) -> Any:
        return types.SimpleNamespace(spawners={})

    def delete(self, _key: int) -> None:
        """Leave the row: JupyterHub's own removes it."""


def lab(folder: Path, roster: str | None) -> Any:
    """Return a hub with the user eve, who is in no roster, and two people of the sample's roster."""
    if roster is not None:
        (folder / "roster.json").write_text(roster)
    db = orm.new_session_factory("sqlite:///:memory:")()
    for name in ("alice", "mary-ann", "eve"):
        db.add(orm.User(name=name, admin=name in ("alice", "eve")))
    db.commit()
    authenticator = LabFirstUseAuthenticator(
        roster_file=str(folder / "roster.json"),
        roster_copy=str(folder / "kept.json"),
        store_path=str(folder / "passwords.sqlite"),
    )
    return types.SimpleNamespace(db=db, authenticator=authenticator, users=Users(), db_url=f"sqlite:///{folder}/x")


async def revoked(app: Any) -> set[str]:
    """Return whose sessions end in one round."""

    def sessions() -> dict[str, str]:
        return {user.name: user.cookie_id for user in app.db.query(orm.User)}

    before = sessions()
    sources: Any = types.SimpleNamespace(settings=Settings(culling_enabled=False))
    await Keeper(app, sources, silent_board()).round()
    return {name for name, cookie in sessions().items() if cookie != before[name]}


@pytest.fixture(autouse=True)
def _no_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyterhub.roles.assign_default_roles", lambda *_args, **_options: None)


async def test_who_is_not_in_the_roster_is_revoked(tmp_path: Path) -> None:
    document = roster_document()
    document["users"]["mary-ann"]["expires"] = None
    assert await revoked(lab(tmp_path, json.dumps(document))) == {"eve"}


@pytest.mark.parametrize("roster", [None, "", '{"version": 1, "users": {"ali'])
async def test_a_hub_that_starts_without_a_readable_roster_revokes_nobody(tmp_path: Path, roster: str | None) -> None:
    app = lab(tmp_path, roster)
    assert await revoked(app) == set()
    with pytest.raises(HTTPError) as refused:
        await app.authenticator.refresh_user(types.SimpleNamespace(name="alice"))
    assert refused.value.status_code == 503, "a session is neither used nor ended"
    with pytest.raises(HTTPError) as refused:
        app.authenticator.check_allowed("alice")
    assert refused.value.status_code == 503, "and nobody gets in"


async def test_it_goes_on_with_the_last_good_one(tmp_path: Path) -> None:
    document = roster_document()
    document["users"]["mary-ann"]["expires"] = None
    lab(tmp_path, json.dumps(document)).authenticator.roster()
    assert await revoked(lab(tmp_path, "half a ro")) == {"eve"}


async def test_a_long_look_for_idle_servers_delays_nobodys_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A course that has left is looked at one by one, ten seconds each: homes are large and on slow disks."""
    ended = asyncio.Event()
    looks: list[str] = []
    rounds: list[str] = []
    said: list[str] = []

    async def slow() -> None:
        looks.append("began")
        await ended.wait()
        raise OSError("a disk that is slow")

    async def people() -> None:
        rounds.append("people")

    app = lab(tmp_path, json.dumps(roster_document()))
    settings = Settings(
        culling_idle_seconds=4,
        culling_warning_seconds=1,
        state_folder=str(tmp_path),
        guard_socket=str(tmp_path / "no-guard"),
    )
    sources: Any = types.SimpleNamespace(settings=settings)
    keeper = Keeper(app, sources, silent_board())
    monkeypatch.setattr(keeper, "_cull", slow)
    monkeypatch.setattr(keeper, "_people", people)
    monkeypatch.setattr("labhub.keeper.keeper.LOG.exception", said.append)
    monkeypatch.setattr(keeper, "_pause", lambda: 0.0)
    for _round in range(3):
        await asyncio.wait_for(keeper.round(), 5)
        await asyncio.sleep(0)
    assert len(rounds) == 3
    assert looks == ["began"], "and the next look waits for the one before"
    ended.set()
    await asyncio.sleep(0.05)
    assert said == ["a round failed"]
    await asyncio.wait_for(keeper.round(), 5)
    await asyncio.sleep(0)
    assert looks == ["began", "began"]


async def test_a_server_that_does_not_stop_delays_nobodys_removal(tmp_path: Path) -> None:
    """Docker takes minutes over one that hangs; meanwhile others are removed, and their servers stop."""
    document = roster_document()
    document["users"]["mary-ann"]["expires"] = None
    app = lab(tmp_path, json.dumps(document))
    stopped: list[str] = []
    hangs = asyncio.Event()
    spawners = {row.name: types.SimpleNamespace(pending=None, active=True) for row in app.db.query(orm.User)}

    async def stop(name: str) -> None:
        stopped.append(name)
        if name == "eve":
            await hangs.wait()
        spawners[name].active = False

    async def nothing(*_arguments: Any) -> None:
        pass

    for row in app.db.query(orm.User):
        app.users[row.id] = types.SimpleNamespace(
            name=row.name, spawners={"": spawners[row.name]}, stop=lambda _server, name=row.name: stop(name)
        )
    app.proxy = types.SimpleNamespace(delete_user=nothing)
    sources: Any = types.SimpleNamespace(settings=Settings(culling_enabled=False))
    keeper = Keeper(app, sources, silent_board())
    await asyncio.wait_for(keeper.round(), 60)
    assert stopped == ["eve"]
    del document["users"]["alice"]
    (tmp_path / "roster.json").write_text(json.dumps(document))
    for _round in range(2):
        await asyncio.wait_for(keeper.round(), 60)
    assert stopped == ["eve", "alice"], "and nobody is stopped twice at once"
    hangs.set()
    await asyncio.wait_for(keeper.round(), 60)


async def test_a_server_that_does_not_answer_delays_no_other_that_the_hub_lost(tmp_path: Path) -> None:
    app = lab(tmp_path, json.dumps(roster_document()))
    app.users = {}
    adoption = Adoption(app, types.SimpleNamespace())  # type: ignore[arg-type]
    hangs, stopped = asyncio.Event(), []

    class FakeGuard:
        async def servers(self) -> list[dict[str, str]]:
            return [
                {"user": name, "name": f"jupyter-{name}", "id": name, "state": "running", "address": ""}
                for name in ("eve", "frank")
            ]

        async def stop(self, identity: str) -> None:
            if identity == "eve":
                await hangs.wait()
            stopped.append(identity)

    adoption.__dict__["guard"] = FakeGuard()
    await adoption.look()
    assert stopped == []
    second = asyncio.create_task(adoption.look())
    while "frank" not in stopped:
        await asyncio.sleep(0)
        assert not second.done()
    hangs.set()
    await asyncio.wait_for(second, 60)
    assert stopped == ["frank", "eve"]
