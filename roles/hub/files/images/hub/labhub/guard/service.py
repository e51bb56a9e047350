# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers what the hub asks of Docker: reads a request (``calls``), checks it (``policy``, ``paths``), passes it on."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..exchange.shares import Share
from ..exchange.sources import Sources
from ..servers import box, build, gpus, run, server
from . import calls, isolation, policy, sums, work
from .paths import answers, mounted, through_link

LOG = logging.getLogger("labhub.guard")
ENGINE_TIMEOUT_SECONDS = 120.0
# Less than the 10 s after which JupyterHub shows its page of a start that takes long: a start that is refused just when
# that page asks for the progress is reported as "not starting", without the reason.
LOOK_TIMEOUT_SECONDS = 8.0
_LOOKERS = ThreadPoolExecutor(32, thread_name_prefix="share")


class Guard:
    """Answers the hub's requests: refuses them, or passes on what the rules allow."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.sources = Sources(settings)
        self._session: aiohttp.ClientSession | None = None
        # No other request may come between the check of who uses a card and the container that takes it.
        self._gpus = asyncio.Lock()
        # Nor between the check of what a person's servers take together, and the one that is added to them.
        self._sums: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._looks: dict[str, asyncio.Future[bool]] = {}

    def world(self) -> policy.World:
        """Return what the rules need to know, as it is now."""
        return policy.World(
            self.settings, self.sources.roster.current(), self.sources.shares.current(), self.sources.images.current()
        )

    async def engine(self, method: str, path: str, query: Any = None, body: Any = None) -> tuple[int, str, bytes]:
        """Ask Docker; returns status, content type and body."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=self.settings.docker_socket),
                timeout=aiohttp.ClientTimeout(total=ENGINE_TIMEOUT_SECONDS),
            )
        url = f"http://docker{path}"  # without a version: the newest that the engine speaks
        async with self._session.request(method, url, params=query or {}, json=body) as answer:
            return answer.status, answer.headers.get("Content-Type", "application/json"), await answer.read()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        try:
            call = calls.classify(request.method, request.raw_path)
            return await self._answer(call, request)
        except calls.RefusedError as refused:
            LOG.warning("refused: %s %s: %s", request.method, request.raw_path, refused)
            return web.json_response({"message": f"refused by the lab's Docker guard: {refused}"}, status=403)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            LOG.error("Docker does not answer: %s", error)
            return web.json_response({"message": f"Docker does not answer: {error}"}, status=503)

    async def _answer(self, call: calls.Call, request: web.Request) -> web.Response:
        query = dict(call.query or {})
        if call.kind == "create":
            return await self._create(call.query or {}, await _whole(request, calls.LONGEST_BODY))
        if request.can_read_body and (await _whole(request, len(b"{}") + 1)).strip() not in (b"", b"{}"):
            raise calls.RefusedError(f"{call.kind}: a body is not allowed")
        if call.kind in ("shares", "gpus", "servers", "boxes", "runs", "builds"):
            return web.json_response(await self._told(call.kind))
        if call.kind == "taken":
            person = policy.whose(self.world(), call.reference).person
            return web.json_response(sums.told(await self._theirs(person, await self._servers())))
        if call.kind in ("version", "ping"):
            return _response(*await self.engine("GET", "/version" if call.kind == "version" else "/_ping"))
        if call.kind == "image":
            if not any(image.reference == call.reference for image in self.world().images):
                raise calls.RefusedError("this image is not in the lab's catalogue")
            return _response(*await self.engine("GET", f"/images/{call.reference}/json"))
        return await self._container(call, query)

    async def _told(self, kind: str) -> Any:
        """Return what the hub is told in the guard's own words: shares that answer, cards in use, or all servers."""
        if kind == "shares":
            return await self._shares()
        servers = await self._servers()
        if kind == "gpus":
            return gpus.holders(servers, server.USER_LABEL)
        return [policy.listed(one) for one in servers if _kind(one.get("Labels")) == kind]

    async def _container(self, call: calls.Call, query: dict[str, str]) -> web.Response:
        status, kind, raw = await self.engine("GET", f"/containers/{call.reference}/json")
        if status != 200:
            return _response(status, kind, raw)
        inspected = json.loads(raw)
        if not policy.owned(self.settings, self.sources.roster.current(), inspected):
            raise calls.RefusedError(f"{call.reference} is not a person's server")
        identity = inspected["Id"]
        if call.kind == "inspect":
            return _response(status, kind, raw)
        if call.kind == "start":
            return await self._start(identity, inspected, query)
        if call.kind == "work":
            return web.json_response({"work": await work.find(self.engine, identity, int(query.get("minutes", 10)))})
        method, path = "POST", f"/containers/{identity}/{call.kind}"
        if call.kind == "remove":
            method, path = "DELETE", f"/containers/{identity}"
        elif call.kind in ("logs", "stats"):
            method, query = "GET", {**query, **({"follow": "0"} if call.kind == "logs" else {"stream": "0"})}
        return _response(*await self.engine(method, path, query))

    async def _start(self, identity: str, inspected: dict[str, Any], query: dict[str, str]) -> web.Response:
        await self._isolated()
        labels = (inspected.get("Config") or {}).get("Labels") or {}
        person = self.world().roster.people.get(str(labels.get(server.USER_LABEL)))
        if person is None or _kind(labels) != "servers":
            return _response(*await self.engine("POST", f"/containers/{identity}/start", query))
        async with self._sums[person.name]:
            others = [one for one in await self._servers() if one.get("Id") != identity]
            sums.check(self.settings, person, inspected, await self._theirs(person, others))
            return await self._with_cards(
                person, policy.requested_gpus(inspected), identity, f"/containers/{identity}/start", query, None
            )

    async def _create(self, query: Mapping[str, str], raw: bytes) -> web.Response:
        name = query.get("name")
        world = self.world()
        body, person = policy.check_create(world, name, calls.parse_body(raw))
        await self._isolated()
        # The guard makes the links: a hub that could write there could replace a folder after the check.
        shares = policy.shares_bound(world, person, body)
        problems = await asyncio.to_thread(self._prepare, shares, policy.host_paths(body))
        if problems:
            LOG.warning("refused: create %s: %s", name, problems)
            text = "; ".join(problems)
            if any(problem.startswith(person.home) for problem in problems):
                text = f"home folder: {text}"
            return web.json_response({"message": f"refused by the lab's Docker guard: {text}"}, status=403)
        if _kind(body["Labels"]) != "servers":
            return _response(*await self.engine("POST", "/containers/create", {"name": name}, body))
        async with self._sums[person.name]:
            others = [one for one in await self._servers() if f"/{name}" not in (one.get("Names") or ())]
            sums.check(self.settings, person, body, await self._theirs(person, others))
            cards = policy.requested_gpus(body)
            return await self._with_cards(person, cards, "", "/containers/create", {"name": name}, body)

    async def _with_cards(
        self, person: Person, cards: list[str], identity: str, path: str, query: Any, body: Any
    ) -> web.Response:
        """Pass a request on that makes or starts a server with these cards; ``identity``: of its container if known."""
        if not cards:
            return _response(*await self.engine("POST", path, query, body))
        async with self._gpus:
            others = [one for one in await self._servers() if not identity or one.get("Id") != identity]
            policy.check_gpus(person, cards, others)
            return _response(*await self.engine("POST", path, query, body))

    async def _theirs(self, person: Person, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return those of ``listed`` that are servers of a person and use something, as Docker shows each."""
        found = []
        for one in listed:
            labels = one.get("Labels") or {}
            if labels.get(server.USER_LABEL) != person.name or _kind(labels) != "servers" or not sums.counts(one):
                continue
            status, _type, raw = await self.engine("GET", f"/containers/{one['Id']}/json")
            if status == 200:
                found.append(json.loads(raw))
            elif status != 404:  # 404: it ended meanwhile
                raise OSError(f"container {one['Id']}: HTTP {status}")
        roster = self.world().roster
        return [one for one in found if policy.owned(self.settings, roster, one)]

    async def _isolated(self) -> None:
        """Refuse a request while the host does not keep people's servers apart."""
        if self.settings.isolation_socket:
            problem = await isolation.problem(self.settings.isolation_socket)
            if problem:
                raise calls.RefusedError(problem)

    async def _servers(self) -> list[dict[str, Any]]:
        """Return all servers of people as Docker lists them, those that do not run included."""
        wanted = json.dumps({"label": [f"{server.ROOM_LABEL}={server.ROOM}"]})
        status, _kind, raw = await self.engine("GET", "/containers/json", {"all": "1", "filters": wanted})
        if status != 200:
            raise OSError(f"the list of containers: HTTP {status}")
        found: list[dict[str, Any]] = json.loads(raw)
        return found

    def _prepare(self, shares: list[tuple[Share, str]], paths: list[str]) -> list[str]:
        """Make the links of a server, and return what is wrong with the paths that it binds."""
        server.write_links(self.settings, shares)
        # The guard sees only these folders of the host; all binds lie below them by the rules.
        seen = (*self.settings.homes_folders, self.settings.public_folder, self.settings.links_folder)
        roots = [(path, folder) for path in paths for folder in seen if path.startswith(folder + "/")]
        return [problem for path, folder in roots if (problem := through_link(path, folder))]

    async def _shares(self) -> dict[str, bool]:
        points = {share.name: share.mount_point for share in self.world().shares}
        answers = await asyncio.gather(*(self._look(point) for point in points.values()))
        found = mounted(list(points.values()))
        return {name: answer and found[points[name]] for name, answer in zip(points, answers, strict=True)}

    async def _look(self, point: str) -> bool:
        """Tell whether a share answers; looking also makes an automount mount.

        Each share is looked at on its own: one whose server is silent must not make the others look absent. And it is
        looked at once at a time, since such a look hangs for minutes and keeps its thread.
        """
        look = self._looks.get(point)
        if look is None or look.done():
            look = self._looks[point] = asyncio.wrap_future(_LOOKERS.submit(answers, point))
        await asyncio.wait({look}, timeout=LOOK_TIMEOUT_SECONDS)
        return look.done() and look.result()


async def _whole(request: web.Request, longest: int) -> bytes:
    """Return a body that may come in several pieces, or as soon as it is too long its first ``longest`` + 1 bytes."""
    body = b""
    while len(body) <= longest and (piece := await request.content.read(longest + 1 - len(body))):
        body += piece
    return body


def _kind(labels: dict[str, str] | None) -> str:
    if box.is_box(labels):
        return "boxes"
    return "runs" if run.is_run(labels) else "builds" if build.is_build(labels) else "servers"


def _response(status: int, content_type: str, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": content_type})


async def serve(settings: Settings) -> None:
    """Listen on the guard's socket until the process ends."""
    guard = Guard(settings)
    application = web.Application(client_max_size=calls.LONGEST_BODY * 2)
    application.router.add_route("*", "/{path:.*}", guard.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    path = Path(settings.guard_socket)
    path.unlink(missing_ok=True)
    before = os.umask(0o117)  # the socket is 0660: root and the hub's group
    await web.UnixSite(runner, str(path)).start()
    os.umask(before)
    LOG.info("listening on %s", path)
    await asyncio.Event().wait()
