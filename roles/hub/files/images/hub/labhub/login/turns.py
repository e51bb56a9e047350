# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose password is checked next: few checks at once, a bounded queue, and nobody waits behind a crowd of strangers."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
KNOWN_GOOD = 0
"""Rank of a name and address that logged in before; the others have the number of their address's waiting calls."""
MOST_REMEMBERED = 5000


class CrowdedError(Exception):
    """Too many wait already; nothing was checked."""


class Turns:
    """Runs calls in ``workers`` threads; at most ``longest`` wait, the lowest rank and then the earliest goes first."""

    def __init__(self, workers: int, longest: int, name: str):
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._free = workers
        self._longest = longest
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._of_address: Counter[str] = Counter()

    async def run(self, address: str, first: bool, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in a thread when it is its turn; raises CrowdedError."""
        self._of_address[address] += 1
        try:
            await self._enter(KNOWN_GOOD if first else self._of_address[address])
            try:
                return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
            finally:
                self._leave()
        finally:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    async def _enter(self, rank: int) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._longest:
            last = max(self._waiting)
            if last[0] <= rank:
                raise CrowdedError
            self._waiting.remove(last)
            heapq.heapify(self._waiting)
            if not last[2].done():
                last[2].set_exception(CrowdedError())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the turn had come at the same moment
            raise

    def _leave(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Remembered:
    """Names with the address from which they logged in last; the oldest of too many are forgotten."""

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[str, str], None] = OrderedDict()

    def add(self, name: str, address: str) -> None:
        """Remember a login."""
        self._pairs[name, address] = None
        self._pairs.move_to_end((name, address))
        while len(self._pairs) > MOST_REMEMBERED:
            self._pairs.popitem(last=False)

    def __contains__(self, pair: object) -> bool:
        return pair in self._pairs
