# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the front asks the hub; see ``labhub.outside.handlers``."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import aiohttp

LOG = logging.getLogger("labhub.front")
TIMEOUT_SECONDS = 90.0
"""A container may have to be started, and a share be looked at."""


class HubError(Exception):
    """The hub said no, or nothing; the message is for the person."""


class Hub:
    """The hub below ``url``, asked with the token in a file."""

    def __init__(self, url: str, token: Path):
        self._url = url.rstrip("/")
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    async def _ask(self, what: str, **body: Any) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        headers = {"Authorization": f"token {self._token.read_text().strip()}"}
        try:
            async with self._session.post(
                f"{self._url}/api/labserver/ssh/{what}", json=body, headers=headers
            ) as answer:
                told = json.loads(await answer.read())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            LOG.error("the hub does not answer: %r", error)
            raise HubError("The hub does not answer. Please try again in a minute.") from error
        if answer.status != 200 or not isinstance(told, dict):
            message = str(told.get("message")) if isinstance(told, dict) else ""
            LOG.warning("the hub answers %s: HTTP %d: %s", what, answer.status, message)
            raise HubError(message or "The hub refused.")
        return told

    async def keys(self, name: str) -> list[str]:
        """Return the keys of somebody, none for a name that nobody has."""
        return [str(key) for key in (await self._ask("keys", name=name))["keys"]]

    async def token(self, name: str, token: str, address: str) -> str:
        """Return the proof of a token, empty for a wrong one."""
        return str((await self._ask("token", name=name, token=token, address=address))["proof"])

    async def open(self, name: str, proof: str, front_key: str) -> dict[str, Any]:
        """Return where somebody's container is: ``address``, ``port``, ``host_key`` and ``account``."""
        return await self._ask("open", name=name, proof=proof, front_key=front_key)

    async def alive(self, sessions: dict[str, dict[str, str]]) -> list[str]:
        """Tell who is connected; returns the connections that have to end."""
        return [str(one) for one in (await self._ask("alive", sessions=sessions))["end"]]
