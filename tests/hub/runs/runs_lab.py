# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled notebooks for the tests, with a clock that stands still and a stand-in for the guard."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import types
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from labhub.exchange.roster import Person
from labhub.runs.model import Definition, Result
from labhub.runs.runner import Runs
from labhub.servers import run
from labhub.servers.asking import GuardClient
from samples import world

START = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
IDS = {name: f"{number:012x}" for number, name in enumerate(("first", "second", "third"), start=1)}


class Guard(GuardClient):
    """What the hub asked for, and containers that run until a test ends them."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.made: list[dict[str, Any]] = []
        self.log = b""
        self.refusal = ""
        self.silent = False
        self.makes = True
        self.absent: set[str] = set()
        self._number = 0

    async def raw(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Answer with the log of every container."""
        assert path.startswith("/containers/") and "/logs?" in path, (method, path, body)
        return 200, self.log

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Answer as the guard does."""
        if self.silent:
            raise aiohttp.ClientError("no guard")
        parts = urlsplit(path)
        if parts.path == "/labserver/shares":
            return 200, {name: name not in self.absent for name in ("data", "scratch")}
        if parts.path == "/labserver/runs":
            return 200, [
                {"user": one["Labels"]["org.labserver.user"], "name": name, "id": one["Id"], "state": one["state"],
                 "address": "", "run": one["Labels"][run.LABEL]}
                for name, one in self.containers.items()
            ]  # fmt: skip
        if parts.path == "/containers/create":
            return self._create(parse_qs(parts.query)["name"][0], body)
        reference, _slash, what = parts.path.removeprefix("/containers/").partition("/")
        name = next((key for key, one in self.containers.items() if reference in (key, one["Id"])), None)
        if name is None:
            return 404, {"message": "no such container"}
        if method == "DELETE":
            del self.containers[name]
        elif what == "start":
            self.containers[name]["state"] = "running"
        elif what == "stop":
            self.end(name, 143)
        elif what == "json":
            return 200, {"State": self.containers[name]["State"], "HostConfig": self.containers[name]["HostConfig"]}
        return 204, None

    def _create(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        if not self.makes:
            raise aiohttp.ClientError("no answer")
        if self.refusal:
            return 403, {"message": self.refusal}
        if name in self.containers:
            return 409, {"message": "the name is in use"}
        self._number += 1
        self.made.append(body)
        self.containers[name] = {**body, "Id": f"c{self._number}", "state": "created", "State": {}}
        return 201, {"Id": f"c{self._number}"}

    def end(self, name: str, code: int, said: dict[str, Any] | None = None, at: str = "", **state: Any) -> None:
        """End a container; ``said`` is what its program printed last."""
        self.log = b"noise\n\nlabserver-run: " + json.dumps(said).encode() + b"\n" if said is not None else b""
        self.containers[name]["state"] = "exited"
        self.containers[name]["State"] = {"ExitCode": code, "FinishedAt": at, **state}


class Lab:
    """Runs of alice (images notebook) and mary-ann, with their clock and guard."""

    def __init__(self, folder: Path, **changes: Any):
        self.folder, self.changes = folder, {"runs_per_person": 5, "state_folder": str(folder), **changes}
        self.now = START
        self.guard = Guard()
        self.told: list[tuple[str, Result]] = []
        self.out: set[str] = set()
        self.runs = self.restarted()

    def restarted(self) -> Runs:
        """Return what a hub that starts anew has."""
        lab = world(**self.changes, secrets_folder=str(self.folder))
        self.world = lab
        sources: Any = types.SimpleNamespace(settings=lab.settings)
        for name in ("roster", "shares", "images"):
            setattr(sources, name, types.SimpleNamespace(current=functools.partial(getattr, lab, name)))
        self.runs = Runs(sources, lambda: self.now, lambda one, result: self.told.append((one.notebook, result)))
        self.runs.__dict__["_guard"] = self.guard
        return self.runs

    def person(self, name: str) -> Person | None:
        """Return who may log in."""
        return None if name in self.out else self.world.roster.people.get(name)

    async def look(self, at: datetime.datetime | None = None) -> None:
        """Let the hub look once."""
        self.now = at or self.now
        await self.runs.look(self.person)

    async def add(self, which: str = "first", owner: str = "alice", **changes: Any) -> Definition:
        """Schedule a notebook: every day at 03:00 UTC unless told otherwise."""
        person = self.world.roster.people[owner]
        image = "notebook:1.0"
        one = Definition(
            IDS[which],
            owner,
            person.uid,
            f"{which}.ipynb",
            image,
            "0 3 * * *",
            3600,
            3,
            changes.pop("handled", self.now),
        )
        await self.runs.store.add(dataclasses.replace(one, **changes), most=50)
        return self.kept(which)

    def kept(self, which: str = "first") -> Definition:
        """Return what is kept of one, read from the file anew."""
        return next(one for one in Runs(self.runs.sources).store.all() if one.id == IDS[which])


def at(day: int, hour: int, minute: int = 0) -> datetime.datetime:
    """Return a time in November 2026, UTC."""
    return datetime.datetime(2026, 11, day, hour, minute, tzinfo=datetime.UTC)
