# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Days of a lab with restarts of servers, recorder, engine and host, against what a simple model of them counted."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import Sum
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.recorder import Recorder, World
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.store import Store
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._usage.usage_lab import PARENT, Lab
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PEOPLE = ("mira", "jonas", "carla", "ada")


class Played:
    """A lab and its recorder, which hears each event at once while it runs."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self.lab, self.path = lab, path
        self.recorder: Recorder | None = None
        self.heard = 0
        self.store: Store | None = None

    def begin(self) -> None:
        """Start the recorder."""
        self.lab.show()
        engine = cast(Any, self.lab)
        world = World(self.lab.root, engine, lambda: self.lab.now, lambda: self.lab.uptime)
        self.store = Store(self.path)
        self.recorder = Recorder(world, self.store, PARENT)
        self.recorder.catch_up()
        self.recorder.sample()
        self.recorder.flush()
        self.heard = self.lab.number

    def stop(self, *, clean: bool) -> None:
        """End the recorder; not ``clean``: killed."""
        if self.recorder is None or self.store is None:
            return
        if clean:
            self.look(keep=True)
        self.recorder = None
        self.store.close()

    def look(self, *, keep: bool = False) -> None:
        """Let the recorder read the counters."""
        if self.recorder is None:
            return
        self.lab.show()
        self.recorder.sample()
        if keep:
            self.recorder.flush()

    def hear(self) -> None:
        """Let the recorder hear of what happened just now."""
        if self.recorder is None or not self.lab.events:
            return
        self.lab.show()
        if self.recorder.attend(self.lab.events[-1]):
            self.look(keep=True)

    def start(self, *arguments: Any, **more: Any) -> str:
        """Start a server."""
        container = self.lab.start(*arguments, **more)
        self.hear()
        return container

    def end(self, container: str) -> None:
        """End a server."""
        self.lab.end(container)
        self.hear()

    def wait(self, seconds: float) -> None:
        """Let time pass, with a look every ten seconds and one that is kept every minute."""
        rounds = int(seconds // 10)
        for number in range(rounds):
            self.lab.wait(10)
            self.look(keep=number % 6 == 5)
        self.lab.wait(seconds - 10 * rounds)

    def long_wait(self, seconds: float) -> None:
        """Let time pass in which nothing happens: of the looks only those matter after which it is over."""
        for part, keep in ((seconds // 60 * 60, True), (seconds % 60 // 10 * 10, False)):
            self.lab.wait(part)
            self.look(keep=keep)
        self.lab.wait(seconds % 10)

    def sums(self) -> dict[str, Sum]:
        """Return what was recorded of each person."""
        self.stop(clean=True)
        store = Store(self.path)
        found: dict[str, Sum] = defaultdict(Sum)
        for key, one in store.sums().items():
            found[key.person] = found[key.person].plus(one)
        store.close()
        return found


@pytest.fixture(params=[(1, True), (2, True)], ids=["v1", "v2"])
def played(request: pytest.FixtureRequest, tmp_path: Path) -> Played:
    version, parent = request.param
    return Played(Lab(tmp_path / "root", version, parent), tmp_path / "usage/usage.sqlite")


def test_two_servers_of_one_person_at_once_count_both(played: Played) -> None:
    played.begin()
    first = played.start("mira", cores=1.0, gpus=1)
    played.wait(600)
    second = played.start("mira", cores=0.5)
    played.wait(600)
    played.end(first)
    played.wait(600)
    played.end(second)
    mira = played.sums()["mira"]
    assert mira.seconds == pytest.approx(2400), "both count while both run"
    assert (mira.cpu, mira.gpu) == (pytest.approx(1800), pytest.approx(1200))


def test_a_server_is_counted_from_its_start_to_its_end(played: Played) -> None:
    played.begin()
    container = played.start("mira", 2.0, 3 << 30, 1)
    played.wait(605)
    played.end(container)
    mira = played.sums()["mira"]
    assert mira.seconds == pytest.approx(605) and mira.cpu == pytest.approx(1210) and mira.gpu == pytest.approx(605)
    assert mira.memory == pytest.approx(605 * (3 << 30)) and mira.memory_peak == 3 << 30
    assert (mira.starts, mira.estimated) == (1, 0)


def test_the_canary_of_a_new_hub_is_nobody(played: Played) -> None:
    """Neither when it is found nor when Docker tells of it."""
    played.lab.start("labserver-canary")
    played.lab.wait(30)
    played.begin()
    container = played.start("labserver-canary")
    played.wait(70)
    played.end(container)
    assert dict(played.sums()) == {}


def test_a_server_that_ran_before_anything_was_recorded_is_counted_whole(played: Played) -> None:
    played.start("mira")
    played.lab.wait(5000)
    played.begin()
    played.wait(100)
    mira = played.sums()["mira"]
    assert (round(mira.seconds), round(mira.cpu)) == (5100, 5100)


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
def test_what_ends_while_nobody_records_is_counted(played: Played, *, clean: bool) -> None:
    """The counter of the group of all servers has it, and Docker says when."""
    played.begin()
    first, second = played.start("mira", 2.0), played.start("jonas", 0.5)
    played.wait(1000)
    played.stop(clean=clean)
    played.wait(200)
    played.end(first)
    played.wait(200)
    played.begin()
    played.wait(60)
    played.end(second)
    sums = played.sums()
    assert sums["mira"].cpu == pytest.approx(2400) and sums["mira"].seconds == pytest.approx(1200)
    assert sums["jonas"].cpu == pytest.approx(730) and sums["jonas"].starts == 1


def test_what_starts_and_ends_while_nobody_records_is_counted(played: Played) -> None:
    played.begin()
    played.wait(60)
    played.stop(clean=True)
    container = played.start("mira", 0.7)
    played.wait(500)
    played.end(container)
    played.wait(10)
    played.begin()
    mira = played.sums()["mira"]
    assert mira.cpu == pytest.approx(350) and mira.seconds == pytest.approx(500)


def test_a_container_that_is_restarted_is_two_runs(played: Played) -> None:
    played.begin()
    container = played.start("mira")
    for _round in range(5):
        played.wait(33)
        played.end(container)
        played.wait(1)
        played.start("mira", container=container)
    played.wait(33)
    mira = played.sums()["mira"]
    assert (round(mira.cpu, 3), round(mira.seconds, 3), mira.starts) == (198, 198, 6)


def test_an_engine_that_restarts_under_running_servers_changes_nothing(played: Played) -> None:
    played.begin()
    played.start("mira")
    played.wait(100)
    played.lab.engine_runs = False
    played.wait(100)
    played.lab.restart_engine(live=True)
    played.lab.engine_runs = True
    assert played.recorder
    played.recorder.catch_up()
    played.wait(100)
    mira = played.sums()["mira"]
    assert (round(mira.cpu), round(mira.seconds), mira.starts) == (300, 300, 1)


def test_events_that_are_told_twice_count_once(played: Played) -> None:
    played.begin()
    container = played.start("mira")
    played.wait(100)
    played.end(container)
    assert played.recorder
    for event in [*played.lab.events, *played.lab.events]:
        played.recorder.attend(event)
    played.recorder.catch_up()
    mira = played.sums()["mira"]
    assert (round(mira.cpu), round(mira.seconds), mira.starts) == (100, 100, 1)


def test_without_a_group_of_their_own_the_last_seconds_are_estimated(tmp_path: Path) -> None:
    played = Played(Lab(tmp_path / "root", parent=False), tmp_path / "usage.sqlite")
    played.begin()
    container = played.start("mira", 2.0)
    played.wait(104)
    played.end(container)
    mira = played.sums()["mira"]
    assert mira.cpu == pytest.approx(208) and mira.estimated == pytest.approx(8)


def test_a_clock_that_is_set_makes_nobody_older(played: Played) -> None:
    played.begin()
    played.start("mira")
    played.wait(100)
    played.lab.now += 7200
    played.wait(100)
    played.lab.now -= 3600
    played.wait(100)
    mira = played.sums()["mira"]
    assert (round(mira.cpu), round(mira.seconds)) == (300, 300)


def test_a_boot_loses_what_nobody_read_and_no_more(played: Played) -> None:
    played.begin()
    played.start("mira")
    played.wait(1000)
    played.stop(clean=False)
    played.lab.wait(30)
    played.lab.reboot(120)
    played.begin()
    played.start("mira")
    played.wait(1000)
    mira = played.sums()["mira"]
    assert 1960 <= mira.cpu <= 2030 and 1960 <= mira.seconds <= 2030 and mira.starts == 2


def day(seed: int, version: int, restarts: int, folder: Path) -> Played:
    """Play a day in which people work, and something is restarted so many times, at random moments."""
    chance = random.Random(seed)
    played = Played(Lab(folder / "root", version), folder / "usage.sqlite")
    played.begin()
    mine = {person: played.start(person, chance.uniform(0, 4), chance.randrange(1 << 28, 1 << 33)) for person in PEOPLE}
    moments = sorted(chance.uniform(0, 86400) for _number in range(restarts))
    for before, after in zip([0.0, *moments], [*moments, 86400.0], strict=True):
        played.long_wait(after - before)
        what = chance.choice(["server"] * 12 + ["killed", "recorder", "recorder", "live", "engine", "host"])
        if what == "server":
            person = chance.choice(PEOPLE)
            played.end(mine[person])
            played.lab.wait(chance.uniform(0, 5))
            mine[person] = played.start(person, chance.uniform(0, 4), container=chance.choice(["", mine[person]]))
            continue
        if what in ("killed", "recorder"):
            played.stop(clean=what == "recorder")
            played.lab.wait(chance.uniform(0, 60))
            if chance.random() < 0.5:
                played.lab.end(mine[PEOPLE[0]])
                played.lab.wait(1)
                mine[PEOPLE[0]] = played.lab.start(PEOPLE[0], chance.uniform(0, 4))
            played.begin()
            continue
        if what == "live":
            played.lab.restart_engine(live=True)
            continue
        if what == "host":
            played.stop(clean=True)
            played.lab.reboot(90)
            played.begin()
        else:
            played.lab.restart_engine(live=False)
            played.look(keep=True)
        played.lab.wait(2)
        mine = {person: played.start(person, chance.uniform(0, 4)) for person in PEOPLE}
    return played


def within(played: Played, part: float) -> None:
    sums = played.sums()
    for person, truth in played.lab.truth.items():
        one = sums[person]
        assert one.cpu == pytest.approx(truth.cpu, rel=part), person
        assert one.seconds == pytest.approx(truth.seconds, rel=part), person
        assert one.memory == pytest.approx(truth.memory, rel=part), person
        assert one.starts == truth.starts, person


@pytest.mark.parametrize("version", [1, 2])
def test_a_day_with_a_hundred_restarts_is_counted_within_one_percent(version: int, tmp_path: Path) -> None:
    within(day(version, version, 100, tmp_path), 0.01)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(seed=st.integers(0, 1 << 30), version=st.sampled_from([1, 2]), restarts=st.integers(0, 40))
def test_any_day_is(seed: int, version: int, restarts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        within(day(seed, version, restarts, Path(folder)), 0.01)
