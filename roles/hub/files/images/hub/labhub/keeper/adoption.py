# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over servers that run though the hub does not know them, and stops those that nobody may use."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Any

import aiohttp
from jupyterhub.utils import url_path_join

from ..exchange.sources import Sources
from ..servers.outage import Outage
from . import rooms
from .orphans import LOOKS_BEFORE_ACTING, PATIENCE_LOOKS, Guard, Orphan, answers, compare

LOG = logging.getLogger("labhub.keeper")


class Adoption:
    """Part of the keeper. ``application`` is the running JupyterHub."""

    def __init__(self, application: Any, sources: Sources):
        self.app = application
        self.sources = sources
        self.orphans: tuple[Orphan, ...] = ()
        self._outage = Outage("the guard does not say which servers run", "the guard says again which servers run")
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    @functools.cached_property
    def guard(self) -> Guard:
        """The keeper's own calls of the guard."""
        return Guard(self.sources.settings.guard_socket)

    def _known(self) -> set[tuple[str, str]]:
        """Return which servers the hub knows, or is about to start or stop: login name, name of the server."""
        return {
            (user.name, server)
            for user in self.app.users.values()
            for server, one in user.spawners.items()
            if one.active or one.pending
        }

    async def look(self) -> None:
        """Compare the two lists once, and act on what was seen more than once."""
        try:
            listed = await self.guard.servers()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            self._outage.begin(LOG, error)
            return
        self._outage.end(LOG)
        self.orphans = compare(listed, self._known() | set(self._tasks), self.orphans)
        ripe = [orphan for orphan in self.orphans if orphan.looks >= LOOKS_BEFORE_ACTING]
        for orphan in ripe:
            if orphan.looks == LOOKS_BEFORE_ACTING:
                LOG.warning("the server %s of %s runs, but the hub did not know it", orphan.name, orphan.user)
        # Beside each other: one that does not answer takes as long as all of them.
        done = await asyncio.gather(*map(self._act, ripe), return_exceptions=True)
        for orphan, problem in zip(ripe, done, strict=True):
            if problem is not None:
                LOG.error("nothing could be done about the server %s: %r", orphan.name, problem)

    async def _act(self, orphan: Orphan) -> None:
        authenticator = self.app.authenticator
        if authenticator.person(orphan.user) is None:
            await self._stop(orphan, "its person may not log in")
            return
        must_change = getattr(authenticator, "must_change", None)
        if must_change is not None and must_change(orphan.user):
            await self._stop(orphan, "its person has to choose a password first")
            return
        user, which = self._user(orphan.user), (orphan.user, orphan.server)
        path = url_path_join(user.base_url, orphan.server, "/") if orphan.server else user.base_url
        if await answers(orphan, path):
            task = self._tasks[which] = asyncio.create_task(self._adopt(user, orphan.server))
            task.add_done_callback(lambda _task: self._tasks.pop(which, None))
        elif orphan.looks >= PATIENCE_LOOKS:
            await self._stop(orphan, "it has not answered for long")

    async def _stop(self, orphan: Orphan, why: str) -> None:
        LOG.warning("stopping the server %s of %s: %s", orphan.name, orphan.user, why)
        try:
            await self.guard.stop(orphan.identity)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            LOG.warning("the server %s could not be stopped: %s", orphan.name, error)

    def _user(self, name: str) -> Any:
        return self.app.users[rooms.user_row(self.app.db, name)]

    async def _adopt(self, user: Any, server: str) -> None:
        """Let JupyterHub start the server: the spawner finds the one that runs and takes it over."""
        spawner = user.get_or_create_spawner(server, server)
        if spawner.active or spawner.pending:
            return
        spawner._spawn_pending = True
        try:
            await user.spawn(server)
            await self.app.proxy.add_user(user, server)
            spawner.add_poll_callback(self._ended, user, server)
            LOG.warning("the server of %s was taken over", user.name)
        except Exception:  # the spawner has explained it
            LOG.exception("the server of %s could not be taken over", user.name)
        finally:
            spawner._spawn_pending = False

    async def _ended(self, user: Any, server_name: str) -> None:
        LOG.warning("the server of %s ended", user.name)
        await self.app.proxy.delete_user(user, server_name)
        await user.stop(server_name)
