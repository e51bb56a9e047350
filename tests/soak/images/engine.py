# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine's Docker engine, with the CPU time of containers where the engine does not tell it.

Docker 20.10 answers zero on a machine whose control groups of version 1 it does not find ("cannot find cgroup mount
destination"). The kernel's own counters are there all the same, and what reads them has to be tried.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from pathlib import Path

import aiohttp
import cgroups
from aiohttp import web

SOCKET = "/var/run/docker.sock"


class Engine:
    """Passes requests on to the engine, from a socket of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        assert ready.wait(10)

    def _run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._begin())
        ready.set()
        self._loop.run_forever()

    async def _begin(self) -> None:
        timeout = aiohttp.ClientTimeout(total=180)
        self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=SOCKET), timeout=timeout)
        application = web.Application(client_max_size=1 << 20)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.path)).start()

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": "application/json"} if request.can_read_body else {}
        url = f"http://docker{request.raw_path}"
        async with self._session.request(request.method, url, data=await request.read(), headers=headers) as answer:
            body, kind = await answer.read(), answer.headers.get("Content-Type", "application/json")
        found = re.search(r"/containers/([0-9a-f]{64})/stats$", request.path)
        if found and answer.status == 200:
            stats = json.loads(body)
            usage = stats["cpu_stats"]["cpu_usage"]
            usage["total_usage"] = usage["total_usage"] or int(cgroups.cpu_seconds(found[1]) * 1e9)
            body = json.dumps(stats).encode()
        return web.Response(status=answer.status, body=body, headers={"Content-Type": kind})

    def close(self) -> None:
        """Answer no more."""

        async def end() -> None:
            await self._runner.cleanup()
            await self._session.close()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
