# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for files go when nobody uses them; one that has gone by itself keeps nobody from the others."""

from __future__ import annotations

import types
from typing import Any

import pytest
from labhub.exchange.sources import Sources
from labhub.outside.boxes import UNUSED_SECONDS, Boxes
from labhub.servers.asking import GuardClient


class Guard(GuardClient):
    """Lists containers, and answers to their removal with a status."""

    def __init__(self, *people: str) -> None:
        self.listed = [{"user": name, "id": f"id-{name}", "state": "running"} for name in people]
        self.answers: dict[str, int] = {}
        self.removed: list[str] = []

    async def ask(self, method: str, path: str, _body: Any = None) -> tuple[int, Any]:
        """Answer as the guard does."""
        if (method, path) == ("GET", "/labserver/boxes"):
            return 200, self.listed
        assert method == "DELETE" and path.endswith("?force=true"), (method, path)
        name = path.removeprefix("/containers/id-").removesuffix("?force=true")
        self.removed.append(name)
        status = self.answers.get(name, 204)
        return status, {"message": "no such container"} if status >= 300 else None


class Lab:
    """Containers for files, with a clock that stands still."""

    def __init__(self, *people: str) -> None:
        self.now = 1000.0
        self.guard = Guard(*people)
        sources: Sources = types.SimpleNamespace()  # type: ignore[assignment]
        self.boxes = Boxes(sources, lambda: self.now)
        self.boxes.__dict__["_guard"] = self.guard


async def test_a_container_that_is_gone_already_is_as_good_as_removed() -> None:
    lab = Lab("alice", "bob")
    await lab.boxes.look(lambda _name: True)
    assert lab.guard.removed == [], "after a start of the hub each counts as just used"
    lab.guard.answers["alice"] = 404
    lab.now += UNUSED_SECONDS
    await lab.boxes.look(lambda _name: True)
    assert lab.guard.removed == ["alice", "bob"]
    lab.guard.listed = lab.guard.listed[:1]
    await lab.boxes.look(lambda _name: True)
    assert lab.guard.removed == ["alice", "bob"], "a new one of the same person is just used, too"


async def test_one_that_cannot_be_removed_is_a_failure() -> None:
    lab = Lab("alice")
    lab.guard.answers["alice"] = 500
    with pytest.raises(OSError, match="HTTP 500: no such container"):
        await lab.boxes.look(lambda _name: False)
