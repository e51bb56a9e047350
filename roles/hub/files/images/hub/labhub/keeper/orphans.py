# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares Docker's list of people's servers with the hub's: what runs though the hub does not know it is an orphan.

Orphans come from a database that was lost or restored, a row that was repaired, a hub that was killed at the wrong
moment. An orphan whose person may log in is taken over with its kernels; any other one is stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

TIMEOUT_SECONDS = 30.0
LOOKS_BEFORE_ACTING = 2
"""A start or a stop may be under way at one look."""
PATIENCE_LOOKS = 30
"""An orphan that has not answered so many times in a row is stopped."""


@dataclass(frozen=True)
class Orphan:
    """A server that runs and that the hub does not know: whose, the container, and how often it was seen so.

    ``server`` is the name of a further server of the person, else empty.
    """

    user: str
    name: str
    identity: str
    address: str
    looks: int = 1
    server: str = ""


def compare(
    listed: Iterable[Mapping[str, Any]], known: set[tuple[str, str]], before: Iterable[Orphan]
) -> tuple[Orphan, ...]:
    """Return the orphans: servers that run and are not in the hub's list ``known``: login name, name of the server."""
    looks = {one.identity: one.looks for one in before}
    return tuple(
        Orphan(one["user"], one["name"], one["id"], one["address"], looks.get(one["id"], 0) + 1, one.get("server", ""))
        for one in listed
        if one["state"] in ("running", "paused") and (one["user"], one.get("server", "")) not in known
    )


class Guard:
    """The keeper's own calls of the guard."""

    def __init__(self, socket: str):
        self._socket = socket

    async def _call(self, method: str, path: str) -> bytes:
        connector = aiohttp.UnixConnector(path=self._socket)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.request(method, f"http://docker{path}") as answer,
        ):
            content = await answer.read()
            if answer.status >= 300 and answer.status != 404:
                raise OSError(f"{method} {path}: HTTP {answer.status}: {content[:300].decode(errors='replace')}")
            return content

    async def servers(self) -> list[dict[str, str]]:
        """Return all servers of people that Docker has; raises OSError or aiohttp.ClientError without an answer."""
        found: list[dict[str, str]] = json.loads(await self._call("GET", "/labserver/servers"))
        return found

    async def stop(self, identity: str) -> None:
        """Stop a container and remove it."""
        await self._call("POST", f"/containers/{identity}/stop")
        await self._call("DELETE", f"/containers/{identity}")


async def answers(orphan: Orphan, url_path: str) -> bool:
    """Tell whether a server answers at its address."""
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{orphan.address}:8888{url_path}api") as answer,
        ):
            return answer.status == 200
    except (TimeoutError, aiohttp.ClientError, OSError):
        return False
