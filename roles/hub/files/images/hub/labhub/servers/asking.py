# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the guard, without DockerSpawner: for the containers that are no person's Jupyter server."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

TIMEOUT_SECONDS = 60.0
ERRORS = (TimeoutError, aiohttp.ClientError, OSError, ValueError, KeyError)
"""What asking the guard raises."""


class GuardClient:
    """``socket`` is the path of the guard's."""

    def __init__(self, socket: str):
        self._socket = socket

    async def raw(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Ask the guard; returns the status and what it answered, byte for byte."""
        connector = aiohttp.UnixConnector(path=self._socket)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.request(method, f"http://docker{path}", json=body) as answer,
        ):
            return answer.status, await answer.read()

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask the guard; returns the status and the JSON that it answered."""
        status, raw = await self.raw(method, path, body)
        return status, json.loads(raw) if raw.strip() else None

    async def did(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the guard for something that has to be done; raises OSError when it is not."""
        status, told = await self.ask(method, path, body)
        if status >= 300 and status != 304:
            raise OSError(f"HTTP {status}: {message_of(told)}")
        return told

    async def remove(self, container: str) -> None:
        """Remove a container, also one that runs; one that is gone is as good. Raises OSError."""
        status, told = await self.ask("DELETE", f"/containers/{container}?force=true")
        if status >= 300 and status != 404:
            raise OSError(f"HTTP {status}: {message_of(told)}")


def message_of(told: Any) -> str:
    """Return the words of a refusal."""
    return str(told.get("message") if isinstance(told, dict) else told)
