# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Idle servers are stopped, working ones are not, and nobody without a word before."""

from __future__ import annotations

import datetime
import json
import types
from typing import Any

import pytest
import samples
from labhub.keeper import keeper
from labhub.keeper.culling import Observation, Watch, look, pause_between_looks, verdict
from labhub.servers.usage import cpu_seconds
from samples import silent_board

HOUR = 3600.0


def iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat().replace("+00:00", "Z")


def observe(at: float, **values: Any) -> Observation:
    return Observation(at=at, **values)


def life(*looks: Observation, idle: float = 4 * HOUR, warning: float = HOUR) -> list[str]:
    """Return the verdicts of looks at a server that was active at 0, with warnings remembered as the hub does."""
    watch, found = Watch(0.0), []
    for one in looks:
        watch = look(watch, one)
        what = verdict(watch, one.at, idle, warning)
        if what == "warn":
            watch = Watch(watch.active_at, watch.seen, one.at)
        found.append(what)
    return found


def test_a_server_that_does_nothing_is_warned_and_stopped() -> None:
    assert life(*(observe(hour * HOUR) for hour in (1, 2, 3, 3.5, 4))) == ["keep", "keep", "warn", "keep", "stop"]


def test_a_busy_kernel_keeps_its_server_without_output_and_without_a_browser() -> None:
    busy = [{"execution_state": "busy", "last_activity": iso(0), "connections": 0}]
    assert life(*(observe(hour * HOUR, kernels=busy) for hour in range(1, 50))) == ["keep"] * 49


def test_cpu_time_keeps_a_server_whose_kernels_say_nothing() -> None:
    looks = [observe(hour * HOUR, cpu_seconds=hour * 0.2 * HOUR) for hour in range(1, 20)]
    assert life(*looks) == ["keep"] * 19
    looks = [observe(hour * HOUR, cpu_seconds=hour * 0.01 * HOUR) for hour in (1, 2, 3, 4)]
    assert life(*looks) == ["keep", "keep", "warn", "stop"]


@pytest.mark.parametrize("where", ["kernels", "terminals"])
def test_output_counts_from_when_it_came(where: str) -> None:
    looks = [observe(hour * HOUR, **{where: [{"last_activity": iso(2 * HOUR)}]}) for hour in (3, 4, 5, 6)]
    assert life(*looks) == ["keep", "keep", "warn", "stop"]


def test_activity_after_the_warning_makes_it_void() -> None:
    output = [{"last_activity": iso(3.4 * HOUR)}]
    looks = [observe(3 * HOUR), observe(3.5 * HOUR, terminals=output), observe(4 * HOUR), observe(7 * HOUR)]
    assert life(*looks) == ["warn", "keep", "keep", "warn"]


def test_nobody_is_stopped_without_the_whole_warning() -> None:
    """The hub was away for a day, and finds everybody long idle."""
    looks = [observe(24 * HOUR), observe(24.5 * HOUR), observe(25 * HOUR)]
    assert life(*looks) == ["warn", "keep", "stop"]


def test_a_clock_that_jumps_keeps_nobody_for_ever() -> None:
    watch = look(Watch(0.0), observe(HOUR, kernels=[{"last_activity": "9999-01-01T00:00:00Z"}]))
    assert watch.active_at == HOUR
    assert verdict(Watch(10 * HOUR), HOUR, HOUR, 60) == "keep"


@pytest.mark.parametrize("jump", [400 * 24 * HOUR, -400 * 24 * HOUR])
def test_a_clock_that_jumps_makes_nobody_idle(jump: float) -> None:
    sources: Any = types.SimpleNamespace(settings=None)
    looker = keeper.Keeper(None, sources, silent_board())
    looker._follow_the_clock(1000.0, 10.0)
    looker._watches = {"alice": Watch(900.0, observe(1000.0), 950.0)}
    looker._follow_the_clock(1030.0, 40.0)
    assert looker._watches["alice"] == Watch(900.0, observe(1000.0), 950.0)
    looker._follow_the_clock(1060.0 + jump, 70.0)
    assert looker._watches["alice"] == Watch(900.0 + jump, observe(1000.0 + jump), 950.0 + jump)


@pytest.mark.parametrize(
    ("groups", "seconds"),
    [((), 100), (("leem",), 200), (("leem", "xps"), 300), (("leem", "forever"), 0), (("x",), 100)],
)
def test_the_longest_of_the_groups_counts(groups: tuple[str, ...], seconds: int) -> None:
    by_group = {"leem": 200, "xps": 300, "forever": 0}
    settings = samples.settings(culling_idle_seconds=100, culling_groups=by_group)
    assert settings.idle_seconds_of(groups) == seconds


def test_an_engine_that_does_not_count_is_not_believed() -> None:
    assert cpu_seconds({"cpu_stats": {"cpu_usage": {"total_usage": 0}}}) is None
    assert cpu_seconds({}) is None
    assert cpu_seconds({"cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}}}) == 1.5


def test_looks_come_often_enough_for_the_warning() -> None:
    assert pause_between_looks(900, 86400) == 30
    assert pause_between_looks(20, 60) == 5
    assert pause_between_looks(900, 40) == 10


class JupyterServer:
    """A server's API as Jupyter Server has it: each request counts as activity that does not ask for the contrary."""

    def __init__(self, **statuses: int) -> None:
        self.statuses = statuses
        self.tracked: list[str] = []

    async def fetch(self, url: str, **_options: Any) -> Any:
        path, _mark, query = url.partition("?")
        kind = path.rpartition("/")[2]
        if "no_track_activity" not in query:
            self.tracked.append(kind)
        body = {"kernels": [{"id": "k"}], "terminals": [{"name": "1"}]}[kind]
        return types.SimpleNamespace(code=self.statuses.get(kind, 200), body=json.dumps(body))


async def observed(monkeypatch: pytest.MonkeyPatch, server: JupyterServer) -> Observation:
    monkeypatch.setattr(keeper, "AsyncHTTPClient", lambda: server)

    async def docker(*_arguments: Any, **_options: Any) -> dict[str, Any]:
        return {}

    app = types.SimpleNamespace(services=[{"name": "labserver-keeper", "api_token": "x"}])
    sources: Any = types.SimpleNamespace(settings=None)
    spawner = types.SimpleNamespace(
        server=types.SimpleNamespace(url="http://10.0.0.1:8888/user/alice/"), docker=docker, object_id="x"
    )
    return await keeper.Keeper(app, sources, silent_board())._observe(spawner)


async def test_to_look_into_a_server_is_no_activity(monkeypatch: pytest.MonkeyPatch) -> None:
    server = JupyterServer()
    seen = await observed(monkeypatch, server)
    assert (len(seen.kernels), len(seen.terminals), server.tracked) == (1, 1, [])


@pytest.mark.parametrize(("kind", "status"), [("kernels", 500), ("kernels", 404), ("terminals", 503)])
async def test_what_cannot_be_seen_does_not_count_as_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: str, status: int
) -> None:
    with pytest.raises(RuntimeError, match=f"{kind} answers HTTP {status}"):
        await observed(monkeypatch, JupyterServer(**{kind: status}))


async def test_a_server_without_terminals_is_looked_into_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await observed(monkeypatch, JupyterServer(terminals=404))
    assert (len(seen.kernels), len(seen.terminals)) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "stopped"), [({"work": "a file was written"}, False), ({"work": ""}, True), (OSError("no guard"), True)]
)
async def test_what_works_in_silence_is_neither_warned_nor_stopped(answer: Any, stopped: bool) -> None:
    """Such as a program that waits for an instrument and writes a line each second."""
    done: list[str] = []

    async def ask(_path: str) -> Any:
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def stop(*_arguments: Any) -> None:
        done.append("stop")

    settings = samples.settings(culling_idle_seconds=100, culling_warning_seconds=10)
    roster = types.SimpleNamespace(current=lambda: types.SimpleNamespace(people={}))
    sources: Any = types.SimpleNamespace(settings=settings, roster=roster)
    app = types.SimpleNamespace(proxy=types.SimpleNamespace(delete_user=stop))
    user = types.SimpleNamespace(name="alice", stop=stop)
    spawner = types.SimpleNamespace(_guard=ask, object_id="c", user=user, name="", ready=True)
    one = keeper.Keeper(app, sources, silent_board())
    one._watches["alice"] = keeper.Watch(0.0)
    for now in (95.0, 110.0):
        await one._judge("alice", spawner, Observation(now))
    assert bool(done) == stopped
