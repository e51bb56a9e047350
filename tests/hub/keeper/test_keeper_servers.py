# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several servers of one person are looked after one by one: each is idle, warned of, stopped and found on its own."""

from __future__ import annotations

import types
from typing import Any

import pytest
import samples
from labhub.keeper import culling, keeper
from labhub.keeper.culling import Observation, Watch
from labhub.keeper.orphans import compare
from labhub.keeper.rows import owner
from samples import silent_board

LISTED = [
    {"user": "alice", "server": name, "name": f"x-{name}", "id": f"id-{name}", "state": "running", "address": ""}
    for name in ("", "sim")
]


class Server:
    """A stand-in for a spawner that keeps whether it was stopped."""

    def __init__(self, name: str):
        self.name, self.object_id, self.ready, self.stopped = name, f"c-{name}", True, False
        self.user = types.SimpleNamespace(name="alice", stop=self.stop)

    async def _guard(self, _path: str) -> dict[str, str]:
        return {"work": ""}

    async def stop(self, _name: str) -> None:
        self.stopped = True


async def nothing(*_arguments: Any) -> None:
    """The proxy's part."""


def looker(**changes: Any) -> keeper.Keeper:
    settings = samples.settings(culling_idle_seconds=100, culling_warning_seconds=10, **changes)
    roster = types.SimpleNamespace(current=lambda: types.SimpleNamespace(people={}))
    sources: Any = types.SimpleNamespace(settings=settings, roster=roster)
    app = types.SimpleNamespace(proxy=types.SimpleNamespace(delete_user=nothing))
    return keeper.Keeper(app, sources, silent_board())


async def test_one_is_stopped_and_the_other_goes_on() -> None:
    one, servers = looker(), {"alice": Server(""), "alice/sim": Server("sim")}
    one._watches = {key: Watch(0.0) for key in servers}
    busy = [{"execution_state": "busy"}]
    for now in (95.0, 110.0):
        await one._judge("alice", servers["alice"], Observation(now, busy))
        await one._judge("alice/sim", servers["alice/sim"], Observation(now))
        if now == 95.0:
            assert set(one.board.personal) == {"alice/sim"}
            (said,) = one.board.shown(samples.datetime.datetime.now(samples.datetime.UTC), "alice", ())
            assert said["text"].startswith("Your server sim is idle and will be stopped in 1 minutes.")
    assert [server.stopped for server in servers.values()] == [False, True]


async def test_both_servers_are_looked_at_and_what_ended_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    one, servers = looker(), {"": Server(""), "sim": Server("sim")}
    one.app.users = {1: types.SimpleNamespace(name="alice", spawners=servers)}
    seen: list[str] = []

    async def observe(spawner: Server) -> Observation:
        seen.append(spawner.name)
        return Observation(50.0)

    monkeypatch.setattr(one, "_observe", observe)
    await one._cull()
    assert sorted(seen) == ["", "sim"] and set(one._watches) == {"alice", "alice/sim"}
    servers["sim"].ready = False
    await one._cull()
    assert set(one._watches) == {"alice"}


@pytest.mark.parametrize(
    ("watch", "now", "seconds"),
    [
        (Watch(0.0), 0.0, 100.0),
        (Watch(0.0), 30.0, 70.0),
        (Watch(0.0), 95.0, 10.0),  # the warning comes at the next look at the earliest
        (Watch(0.0, warned_at=90.0), 95.0, 5.0),
        (Watch(0.0, warned_at=96.0), 99.0, 7.0),
        (Watch(0.0, warned_at=90.0), 500.0, 0.0),
    ],
)
def test_the_time_that_is_left_is_that_after_which_it_is_stopped(watch: Watch, now: float, seconds: float) -> None:
    assert culling.left(watch, now, 100.0, 10.0) == seconds
    warned = Watch(watch.active_at, warned_at=watch.warned_at if watch.warned_at is not None else max(now, 90.0))
    assert culling.verdict(warned, now + seconds, 100.0, 10.0) == "stop"
    assert seconds == 0 or culling.verdict(warned, now + seconds - 0.1, 100.0, 10.0) != "stop"


def test_each_server_has_its_own_time_and_some_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    one = looker()
    one._watches = {"alice": Watch(990.0), "alice/sim": Watch(950.0)}
    assert [one.idle_left("alice", name) for name in ("", "sim", "new")] == [90.0, 50.0, 100.0]
    assert looker(culling_enabled=False).idle_left("alice") is None
    never = looker(culling_groups={"leem": 0})
    people = {"alice": types.SimpleNamespace(groups=("leem",))}
    never.sources.roster = types.SimpleNamespace(current=lambda: types.SimpleNamespace(people=people))  # type: ignore[assignment]
    assert never.idle_left("alice", "sim") is None


def test_a_server_that_the_hub_does_not_know_is_found_beside_one_that_it_knows() -> None:
    assert [one.server for one in compare(LISTED, {("alice", "")}, ())] == ["sim"]
    assert [one.server for one in compare(LISTED, {("alice", "sim")}, ())] == [""]
    assert compare(LISTED, {("alice", "sim"), ("alice", "")}, ()) == ()


def test_a_row_without_a_name_is_known_by_a_further_server_too() -> None:
    people = samples.world().roster.people
    rows = [types.SimpleNamespace(state={"object_name": name}) for name in ("server-sim.jupyter-alice", "")]
    assert owner(rows, people, "") == "alice"
    assert owner([types.SimpleNamespace(state={"object_name": "server-sim.jupyter-x"})], people, "") == ""
