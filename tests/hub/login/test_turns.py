# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody waits behind a crowd: bounded queues, fair by address, people who were here before first."""

from __future__ import annotations

import asyncio
import threading

import pytest
from labhub.login.turns import CrowdedError, Remembered, Turns


async def order(turns: Turns, calls: list[tuple[str, str, bool]]) -> list[str]:
    """Return in which order calls (word, address, known good) run that all come while one is running."""
    gate, found = threading.Event(), []
    first = asyncio.create_task(turns.run("elsewhere", False, gate.wait, 10))
    await asyncio.sleep(0.05)
    tasks = []
    for word, address, good in calls:
        tasks.append(asyncio.create_task(turns.run(address, good, found.append, word)))
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *tasks, return_exceptions=True)
    return found


async def test_one_address_does_not_hold_up_another() -> None:
    crowd = [(f"guess {number}", "192.0.2.1", False) for number in range(5)]
    found = await order(Turns(1, 50, "x"), [*crowd, ("alice", "192.0.2.2", False), ("bob", "192.0.2.1", True)])
    assert found[:3] == ["bob", "guess 0", "alice"]


async def test_the_queue_is_bounded_and_keeps_a_place_for_the_others() -> None:
    turns = Turns(1, 3, "x")
    crowd = [(f"guess {number}", "192.0.2.1", False) for number in range(40)]
    found = await order(turns, [*crowd, ("alice", "192.0.2.2", False)])
    assert found == ["guess 0", "alice", "guess 1"]
    assert await turns.run("192.0.2.1", False, str, 1) == "1", "and goes on afterwards"


async def test_who_is_too_many_is_told_at_once() -> None:
    turns, gate = Turns(1, 1, "x"), threading.Event()
    tasks = [asyncio.create_task(turns.run("a", False, gate.wait, 10)) for _number in range(3)]
    await asyncio.sleep(0.05)
    assert tasks[2].done()
    with pytest.raises(CrowdedError):
        await tasks[2]
    gate.set()
    await asyncio.gather(*tasks[:2])


async def test_who_gives_up_while_waiting_takes_no_turn() -> None:
    turns, gate = Turns(1, 5, "x"), threading.Event()
    first = asyncio.create_task(turns.run("a", False, gate.wait, 10))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(turns.run("a", False, str, 2))
    await asyncio.sleep(0.05)
    second.cancel()
    gate.set()
    await first
    assert await asyncio.wait_for(turns.run("a", False, str, 3), 5) == "3"


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labhub.login.turns.MOST_REMEMBERED", 2)
    good = Remembered()
    for name in ("a", "b", "a", "c"):
        good.add(name, "192.0.2.1")
    assert [(name, "192.0.2.1") in good for name in "abc"] == [True, False, True]
