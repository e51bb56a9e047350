# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guard for the tests, between a client and a stand-in for Docker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web
from labhub.guard.service import Guard
from samples import images_document, roster_document, settings, shares_document

CONTAINERS: dict[str, dict[str, Any]] = {
    "own": {"Id": "1" * 64, "Name": "/jupyter-alice",
            "HostConfig": {"Memory": 1 << 29, "CpuQuota": 10_000, "PidsLimit": 99},
            "Config": {"Labels": {"org.labserver.room": "hub-server", "org.labserver.user": "alice"}}},
    "labserver-hub": {"Id": "2" * 64, "Name": "/labserver-hub", "Config": {"Labels": {"org.labserver.room": "hub"}}},
    "labserver-docker-guard": {"Id": "3" * 64, "Name": "/labserver-docker-guard", "Config": {"Labels": None}},
    "impostor": {"Id": "4" * 64, "Name": "/impostor",
                 "Config": {"Labels": {"org.labserver.room": "hub-server", "org.labserver.user": "alice"}}},
    "other-room": {"Id": "5" * 64, "Name": "/jupyter-x", "Config": {"Labels": {"org.labserver.room": "registry"}}},
}  # fmt: skip
LOOKING = {("GET", f"/containers/{name}/json") for name in CONTAINERS}


class Lab:
    """The guard between a client and a stand-in for the engine."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.asked: list[tuple[str, str, bytes]] = []
        self.servers: list[dict[str, Any]] = []
        self.made: dict[str, dict[str, Any]] = {}
        """What was made, as Docker shows it."""

    async def _engine(self, request: web.Request) -> web.Response:
        sent = await request.read()
        self.asked.append((request.method, request.path_qs, sent))
        if request.path == "/version":
            return web.json_response({"ApiVersion": "1.41"})
        if request.path == "/containers/json":
            return web.json_response(self.servers)
        if request.path == "/containers/create":
            await asyncio.sleep(0.05)  # others come meanwhile
            body = json.loads(sent) if len(sent) > 2 else {}
            name, identity = request.query.get("name", ""), f"{len(self.made) + 1:064x}"
            self.servers.append(
                {"Id": identity, "Names": [f"/{name}"], "Labels": body.get("Labels"), "State": "created"}
            )
            self.made[identity] = {
                "Id": identity, "Name": f"/{name}", "Config": {"Labels": body.get("Labels")},
                "HostConfig": body.get("HostConfig"),
            }  # fmt: skip
            return web.json_response({"Id": identity}, status=201)
        if request.path.startswith("/containers/") and request.path.endswith("/json"):
            name = request.path.split("/")[2]
            found = CONTAINERS.get(name) or self.made.get(name)
            found = found or next((one for one in self.made.values() if one["Name"] == f"/{name}"), None)
            return web.json_response(found or {"message": "No such container"}, status=200 if found else 404)
        return web.json_response({"Id": "9" * 64}, status=201)

    async def start(self) -> None:
        """Write the exchange files and start both ends."""
        public = self.folder / "public"
        public.mkdir()
        (public / "roster.json").write_text(json.dumps(roster_document()))
        (public / "shares.json").write_text(json.dumps(shares_document()))
        (self.folder / "images.json").write_text(json.dumps(images_document()))
        # The bodies name folders of a lab server, which are not here: paths have tests of their own below.
        guard = Guard(settings(docker_socket=str(self.folder / "engine")))
        self.prepared: list[list[str]] = []
        setattr(guard, "_prepare", lambda shares, _paths: self.prepared.append([s.name for s, _ in shares]) or [])  # noqa: B010
        for name, path in (("roster", public), ("shares", public), ("images", self.folder)):
            getattr(guard.sources, name).path = path / f"{name}.json"
        self.guard = guard
        self.runners = []
        for handler, path in ((self._engine, "engine"), (guard.handle, "guard")):
            application = web.Application(client_max_size=1 << 20)
            application.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(application)
            await runner.setup()
            await web.UnixSite(runner, str(self.folder / path)).start()
            self.runners.append(runner)

    async def stop(self) -> None:
        """Stop both ends."""
        if self.guard._session is not None:
            await self.guard._session.close()
        for runner in self.runners:
            await runner.cleanup()

    async def ask(self, method: str, target: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Send a request byte for byte as given, and return status and answer."""
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "guard"))
        head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        raw = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        head_lines, _, content = raw.partition(b"\r\n\r\n")
        status = int(head_lines.split(b" ")[1])
        try:
            return status, json.loads(content)
        except ValueError:
            return status, {}

    def acts(self) -> list[tuple[str, str]]:
        """Return what Docker was asked to do, without looking at containers."""
        return [
            (method, path)
            for method, path, _ in self.asked
            if (method, path) not in LOOKING and not path.startswith("/containers/json?")
        ]
