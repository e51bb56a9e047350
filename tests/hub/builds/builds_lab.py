# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People's builds for the tests, with a clock that stands still and a stand-in for the guard."""

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
from labhub.builds.model import Build, new_id
from labhub.builds.runner import Builds
from labhub.exchange.published import Published
from labhub.exchange.roster import Person
from labhub.servers import build
from labhub.servers.asking import GuardClient
from samples import world

START = datetime.datetime(2026, 11, 28, 20, 34, tzinfo=datetime.UTC)
ON: dict[str, Any] = {"builds_per_person": 5, "builds_groups": ("leem", "xps"), "builds_at_once": 1}


class Guard(GuardClient):
    """What the hub asked for, and containers that run until a test ends them."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.made: list[dict[str, Any]] = []
        self.log = b""
        self.refusal = ""
        self.silent = False

    async def raw(self, method: str, path: str, _body: Any = None) -> tuple[int, bytes]:
        """Answer with the log of every container."""
        assert method == "GET" and "/logs?stdout=1&stderr=1&tail=" in path
        if self.silent:
            raise aiohttp.ClientError("no guard")
        return 200, self.log

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Answer as the guard does."""
        if self.silent:
            raise aiohttp.ClientError("no guard")
        parts = urlsplit(path)
        if parts.path == "/labserver/builds":
            return 200, [
                {"name": name, "id": one["Id"], "state": one["state"], "build": one["Labels"][build.LABEL]}
                for name, one in self.containers.items()
            ]
        if parts.path == "/containers/create":
            name = parse_qs(parts.query)["name"][0]
            if self.refusal:
                return 403, {"message": self.refusal}
            if name in self.containers:
                return 409, {"message": "the name is in use"}
            self.made.append(body)
            self.containers[name] = {**body, "Id": f"c{len(self.made)}", "state": "created", "State": {}}
            return 201, {"Id": f"c{len(self.made)}"}
        reference, _slash, what = parts.path.removeprefix("/containers/").partition("/")
        name = next((key for key, one in self.containers.items() if reference in (key, one["Id"])), "")
        if not name:
            return 404, {"message": "no such container"}
        if method == "DELETE":
            del self.containers[name]
        elif what == "start":
            self.containers[name]["state"] = "running"
        elif what == "stop":
            self.end(name, 1, "stopped")
        elif what == "json":
            return 200, {"State": self.containers[name]["State"], "HostConfig": self.containers[name]["HostConfig"]}
        return 204, None

    def end(self, name: str, code: int, reason: str = "", line: str = "", **state: Any) -> None:
        """End a container whose program said last how it went."""
        said = json.dumps({"reason": reason, "line": line}).encode()
        self.log = b"== installing\n" + (b"\nlabserver-build: " + said + b"\n" if reason else b"")
        self.containers[name] |= {"state": "exited", "State": {"ExitCode": code, **state}}


class Lab:
    """Builds of alice (group leem) and mary-ann (group xps), with their clock, their guard and the host's answers."""

    def __init__(self, folder: Path, **changes: Any):
        self.folder, self.changes = folder, {**ON, "state_folder": str(folder), **changes}
        self.now = START
        self.guard = Guard()
        self.out: set[str] = set()
        self.published: dict[str, Published] = {}
        self.builds = self.restarted()

    def restarted(self, **changes: Any) -> Builds:
        """Return what a hub that starts anew has."""
        self.world = world(**{**self.changes, **changes}, secrets_folder=str(self.folder))
        sources: Any = types.SimpleNamespace(settings=self.world.settings)
        for name in ("roster", "images"):
            setattr(sources, name, types.SimpleNamespace(current=functools.partial(getattr, self.world, name)))
        sources.published = types.SimpleNamespace(current=lambda: self.published)
        self.builds = Builds(sources, lambda: self.now)
        self.builds.__dict__["_guard"] = self.guard
        return self.builds

    def person(self, name: str) -> Person | None:
        """Return who may log in."""
        return None if name in self.out else self.world.roster.people.get(name)

    async def look(self, seconds: float = 0) -> None:
        """Let the hub look once."""
        self.now += datetime.timedelta(seconds=seconds)
        await self.builds.look(self.person)

    async def add(self, owner: str = "alice", **changes: Any) -> str:
        """Ask for a build and return its id."""
        person = self.world.roster.people[owner]
        one = Build(
            new_id(), owner, person.uid, person.groups[0], "analysis", "20261128-203400", "folder", "envs/a",
            "notebook:1.0" if owner == "alice" else "steps:1.0", self.now,
        )  # fmt: skip
        await self.builds.store.add(dataclasses.replace(one, **changes), most=50)
        return one.id

    def kept(self, identity: str) -> Build:
        """Return what is kept of one, read from the file anew."""
        return next(one for one in Builds(self.builds.sources).store.all() if one.id == identity)
