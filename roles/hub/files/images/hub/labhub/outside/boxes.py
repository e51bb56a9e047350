# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts, finds and stops the containers for files, through the guard like everything that the hub asks of Docker."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..exchange.environment import lab_environment
from ..exchange.roster import Person
from ..exchange.shares import Share, shares_of
from ..exchange.sources import Sources
from ..servers import box
from ..servers.asking import ERRORS, GuardClient
from . import keys

LOG = logging.getLogger("labhub.outside")
UNUSED_SECONDS = 300.0
"""So long after its last connection a container is kept: programs that copy files connect again and again."""


class BoxError(Exception):
    """A container could not be had; the message is for its person."""


@dataclass(frozen=True)
class Box:
    """Where a person's container is, and the key by which it is known."""

    address: str
    host_key: str


class Boxes:
    """All containers for files. ``clock`` gives seconds that never go back."""

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.monotonic):
        self.sources = sources
        self._clock = clock
        self._locks: dict[str, asyncio.Lock] = {}
        self._used: dict[str, float] = {}
        self._connected: set[str] = set()

    @functools.cached_property
    def _guard(self) -> GuardClient:
        return GuardClient(self.sources.settings.guard_socket)

    async def open(self, person: Person, front_key: str) -> Box:
        """Return the container of a person, started when it does not run. Raises BoxError."""
        lock = self._locks.setdefault(person.name, asyncio.Lock())
        async with lock:
            self._used[person.name] = self._clock()
            try:
                return await self._open(person, front_key)
            except ERRORS as error:
                LOG.error("no container for the files of %s: %r", person.name, error)
                raise BoxError("Your files cannot be opened at the moment. Please tell the administrator.") from error

    async def _open(self, person: Person, front_key: str) -> Box:
        settings = self.sources.settings
        name = box.container_name(settings, person)
        secrets = {box.HOST_KEY: keys.new_host_key(), box.FRONT_KEY: front_key}
        body = box.create_body(
            settings,
            self.sources.roster.current(),
            person,
            await self._shares(person),
            await asyncio.to_thread(lab_environment, settings),
            secrets,
        )
        status, found = await self._guard.ask("GET", f"/containers/{name}/json")
        if status == 200:
            mark = (found["Config"].get("Labels") or {}).get(box.LABEL)
            # Groups, shares and limits are those of its start; another one is made once nobody is in it.
            same = mark == body["Labels"][box.LABEL] or person.name in self._connected
            if found["State"]["Running"] and same and _address(found):
                return _box(found)
            await self._guard.remove(found["Id"])
        elif status != 404:
            raise OSError(f"HTTP {status}: {found}")
        made = await self._guard.did("POST", f"/containers/create?name={name}", body)
        await self._guard.did("POST", f"/containers/{made['Id']}/start")
        return _box(await self._guard.did("GET", f"/containers/{made['Id']}/json"))

    async def _shares(self, person: Person) -> list[tuple[Share, str]]:
        """Return the shares that are there: one that is away does not keep anybody from the others."""
        wanted = shares_of(person, self.sources.shares.current())
        present: Mapping[str, bool] = await self._guard.did("GET", "/labserver/shares") if wanted else {}
        return [(share, right) for share, right in wanted if present.get(share.name)]

    def connected(self, names: set[str]) -> None:
        """Remember who is connected at this moment."""
        now = self._clock()
        self._connected = names
        self._used.update(dict.fromkeys(names, now))

    async def look(self, may_enter: Callable[[str], bool]) -> None:
        """Stop containers that nobody uses, or whose person may not come in any more. Raises one of ``ERRORS``."""
        now = self._clock()
        for one in await self._guard.did("GET", "/labserver/boxes"):
            name = one["user"]
            # After a start of the hub nothing is known about the past: every container counts as just used.
            used = self._used.setdefault(name, now)
            refused = not may_enter(name)
            if not refused and one["state"] == "running" and now - used < UNUSED_SECONDS:
                continue
            if (lock := self._locks.setdefault(name, asyncio.Lock())).locked():
                continue
            async with lock:
                why = "its person may not log in" if refused else "nobody uses it"
                LOG.info("removing the container for the files of %s: %s", name, why)
                await self._guard.remove(one["id"])
                self._used.pop(name, None)


def _address(container: Mapping[str, Any]) -> str:
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return next((str(one["IPAddress"]) for one in networks.values() if one.get("IPAddress")), "")


def _box(container: Mapping[str, Any]) -> Box:
    address = _address(container)
    if not address:
        raise OSError("the container has no address; it may have ended at once")
    return Box(address, keys.public_host_key(container))
