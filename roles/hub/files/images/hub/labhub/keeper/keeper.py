# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the hub: revokes access seconds after a change of the roster, stops idle servers, repairs routes."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import functools
import json
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from jupyterhub import orm, roles
from sqlalchemy.exc import OperationalError
from tornado.httpclient import AsyncHTTPClient

from ..builds.runner import Builds
from ..exchange.announcements import Announcement
from ..exchange.roster import Person
from ..exchange.sources import Sources
from ..outside.boxes import ERRORS as BOX_ERRORS
from ..outside.boxes import Boxes
from ..portal import messages
from ..portal.board import Board
from ..runs.model import Definition, Result
from ..runs.runner import Runs
from ..servers import names, usage, visits
from ..words.language import later
from . import copies, culling, rooms, rows
from .adoption import Adoption
from .culling import Observation, Watch

LOG = logging.getLogger("labhub.keeper")
PERIOD_SECONDS = 2.0
COPY_EVERY = 15
COMPARE_EVERY = 10
"""Docker's list of servers is compared with the hub's every so many rounds."""
ROUTES_EVERY = 5
"""The proxy's routes are compared every so many rounds: a proxy that was replaced has lost them."""

REMIND_EVERY = 30
WORK_MINUTES = 10
"""A file in the home that was written so short a while ago is work."""
SERVER_TIMEOUT_SECONDS = 5.0
OBSERVE_SECONDS = 30.0
AT_ONCE = 8
"""So many servers that look idle are looked into at once."""
WAIT_SECONDS = 2.0
"""A round waits so long for what may hang (a server, Docker, the proxy), which then goes on beside the next rounds."""

IDLE = later("Your server is idle and will be stopped in {minutes} minutes. Files are kept; running work is not.")
IDLE_FURTHER = later(
    "Your server {server} is idle and will be stopped in {minutes} minutes. Files are kept; running work is not."
)
IDLE_ROOM = later(
    "The room {room} is idle and will be stopped in {minutes} minutes. Files are kept; running work is not."
)


class Keeper:
    """A task of the hub's event loop. ``application`` is the running JupyterHub."""

    def __init__(
        self,
        application: Any,
        sources: Sources,
        board: Board,
        boxes: Boxes | None = None,
        runs: Runs | None = None,
        builds: Builds | None = None,
    ):
        self.app = application
        self.sources = sources
        self.board = board
        self.boxes = boxes or Boxes(sources)
        self.runs = runs or Runs(sources)
        self.runs.told = self._told
        self.builds = builds or Builds(sources)
        self.settings = sources.settings
        self.adoption = Adoption(application, sources)
        self._rounds = 0
        self._watches: dict[str, Watch] = {}
        self._unseen: dict[str, str] = {}
        self._looked_at = 0.0
        self._clocks: tuple[float, float] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Repeat rounds for ever; a round that fails is logged, and the next one comes."""
        while True:
            await self._watched(self.round)
            await asyncio.sleep(PERIOD_SECONDS)

    async def _watched(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except OperationalError as error:
            self.app.db.rollback()
            LOG.warning("the database is busy or missing: %s", error.orig)
        except Exception:  # whatever it is, the next round must come
            self.app.db.rollback()
            LOG.exception("a round failed")

    def _beside(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Do ``work`` beside the rounds, unless that is going on already; returns the task."""
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = asyncio.create_task(self._watched(work))
            task.add_done_callback(lambda _task: self._tasks.pop(name, None))
        return task

    async def round(self) -> None:
        """Revoke access, update administrators, copy the database, repair routes, and have idle servers looked for.

        One server that hangs keeps nobody's access from being revoked: a round waits only a moment for it.
        """
        if self.app.authenticator.has_roster():
            await self._people()
        elif self._rounds % REMIND_EVERY == 0:
            LOG.critical("no roster could be read so far: nobody can log in, and nobody's access is revoked")
        if self._rounds % COPY_EVERY == 0:
            self._beside("copy", self._copy)
        idle = "cull" not in self._tasks
        if self.settings.culling_enabled and idle and time.monotonic() - self._looked_at >= self._pause():
            self._looked_at = time.monotonic()
            self._beside("cull", self._cull)
        self._rounds += 1
        if self._rounds % COMPARE_EVERY == 0 and self.app.authenticator.has_roster():
            self._beside("compare", self.adoption.look)
        if self.settings.box_image and self.app.authenticator.has_roster():
            self._beside("boxes", self._look_at_boxes)
        if self.app.authenticator.has_roster():
            self._beside("runs", self._look_at_runs)
        if self.app.authenticator.has_roster():
            self._beside("builds", self._look_at_builds)
        if self._rounds % ROUTES_EVERY == 0:
            self._beside("routes", self._routes)
        awaited = [task for name, task in self._tasks.items() if name != "cull"]
        if awaited:
            await asyncio.wait(awaited, timeout=WAIT_SECONDS)

    async def _look_at_boxes(self) -> None:
        """Stop containers for files that nobody uses, or may use; see ``outside.boxes``."""
        try:
            await self.boxes.look(lambda name: self.app.authenticator.person(name) is not None)
        except BOX_ERRORS as error:
            LOG.warning("containers for files could not be looked at: %r", error)

    async def _look_at_runs(self) -> None:
        """Start what is due and follow what runs; see ``runs.runner``."""
        await self.runs.look(self.app.authenticator.person)

    async def _look_at_builds(self) -> None:
        """Begin, follow and end builds of people's images; see ``builds.runner``."""
        await self.builds.look(self.app.authenticator.person)

    def _told(self, definition: Definition, result: Result) -> None:
        """Tell a person that a scheduled notebook failed."""
        if result.well:
            return
        path, now = Path(self.settings.state_folder) / messages.FILE, datetime.datetime.now(datetime.UTC)
        try:
            messages.run_failed(path, definition.owner, definition.notebook, result.began, now)
        except OSError as error:
            LOG.error("%s could not be told that %s failed: %s", definition.owner, definition.notebook, error)

    async def _routes(self) -> None:
        await self.app.proxy.check_routes(self.app.users, self.app._service_map)

    async def _people(self) -> None:
        authenticator, db = self.app.authenticator, self.app.db
        people = authenticator.roster().people
        for line in rows.mend(db, people, self.settings.container_prefix):
            LOG.warning("%s", line)
        self._shared(people)
        for orm_user in db.query(orm.User).all():
            person = authenticator.person(orm_user.name)
            if orm_user.name not in people and rows.forgotten(orm_user) and not self._has_server(orm_user):
                LOG.warning("removing the row of %s, who is not in the roster", orm_user.name)
                self.app.users.delete(orm_user.id)
            elif person is None:
                self._revoke(orm_user)
            elif bool(orm_user.admin) != person.admin:
                LOG.info("%s %s administrator", orm_user.name, "is now" if person.admin else "is no longer")
                orm_user.admin = person.admin
                roles.assign_default_roles(db, entity=orm_user)
                db.commit()

    def _shared(self, people: Mapping[str, Person]) -> None:
        """Keep what several people use as the roster has it; before those who left are revoked, of whom it asks."""
        authenticator, db, settings = self.app.authenticator, self.app.db, self.settings
        may_enter = {name for name in people if authenticator.person(name) is not None}
        for name in rooms.follow(db, authenticator.roster(), may_enter):
            user = self.app.users[orm.User.find(db, name).id]
            if user.spawner.active and not user.spawner.pending:
                self._beside(f"stop {name} ", functools.partial(self._stop, user, ""))
        hours = settings.sharing_hours if settings.sharing else 0
        for line in visits.end_shares(db, hours, may_enter, visits.naive_utc_now()):
            LOG.warning("%s", line)

    def _has_server(self, orm_user: Any) -> bool:
        return any(one.active or one.pending for one in self.app.users[orm_user.id].spawners.values())

    async def _copy(self) -> None:
        """Copy the database; with a full disk routes must still be repaired and servers stopped."""
        database = Path(self.app.db_url.removeprefix("sqlite:///"))
        try:
            await asyncio.to_thread(copies.make, database, database.parent / "copies")
        except (OSError, sqlite3.Error) as error:
            LOG.warning("the database could not be copied: %s", error)

    def _pause(self) -> float:
        settings = self.settings
        shortest = min(
            [seconds for seconds in (settings.culling_idle_seconds, *settings.culling_groups.values()) if seconds],
            default=culling.LOOK_SECONDS,
        )
        # A little less than a whole number of rounds, which are not exactly as long as they should be.
        return culling.pause_between_looks(settings.culling_warning_seconds, shortest) - PERIOD_SECONDS / 2

    def idle_left(self, name: str, server: str = "") -> float | None:
        """Return in how many seconds a person's server is stopped when nothing works in it; None: never, or not known.

        A server that was not looked at yet has just started.
        """
        person = self.sources.roster.current().people.get(name)
        limit = self.settings.idle_seconds_of(person.groups if person else ())
        if not self.settings.culling_enabled or not limit:
            return None
        now = time.time()
        watch = self._watches.get(names.key(name, server), Watch(now))
        return culling.left(watch, now, limit, self.settings.culling_warning_seconds)

    def stay(self, name: str) -> None:
        """Let a server count as active now, because its person asked for that; ``name`` is its ``names.key``."""
        self._watches[name] = Watch(time.time())
        self.board.personal.pop(name, None)

    async def _cull(self) -> None:
        """Look at all servers; warn of those that become idle and stop those that are."""
        self._follow_the_clock(time.time(), time.monotonic())
        ready = {
            names.key(user.name, spawner.name): spawner
            for user in self.app.users.values()
            for spawner in user.spawners.values()
            if spawner.ready
        }
        for gone in set(self._watches) - set(ready):
            del self._watches[gone]
            self._unseen.pop(gone, None)
            self.board.personal.pop(gone, None)
        looks = await asyncio.gather(*map(self._observed, ready.values()), return_exceptions=True)
        seen_well = []
        for (name, spawner), seen in zip(ready.items(), looks, strict=True):
            # A server that cannot be asked may be working: it is kept.
            problem = f"{type(seen).__name__}: {seen}" if isinstance(seen, BaseException) else ""
            if problem and self._unseen.get(name) != problem:
                LOG.warning("cannot see whether the server of %s is idle, so it is not stopped: %s", name, problem)
            self._unseen[name] = problem
            if isinstance(seen, BaseException):
                continue
            seen_well.append((name, spawner, seen))
        places = asyncio.Semaphore(AT_ONCE)

        async def judge(name: str, spawner: Any, seen: Observation) -> None:
            async with places:
                await self._watched(lambda: self._judge(name, spawner, seen))

        # Beside each other: one that hangs while it is looked into or stopped does not keep the others running.
        await asyncio.gather(*(judge(*one) for one in seen_well))

    async def _observed(self, spawner: Any) -> Observation:
        return await asyncio.wait_for(self._observe(spawner), OBSERVE_SECONDS)

    def _follow_the_clock(self, wall: float, steady: float) -> None:
        if self._clocks is not None:
            jump = (wall - self._clocks[0]) - (steady - self._clocks[1])
            if abs(jump) > culling.JUMP_SECONDS:
                LOG.warning("the clock jumped by %.0f seconds", jump)
                self._watches = {name: culling.shifted(watch, jump) for name, watch in self._watches.items()}
        self._clocks = (wall, steady)

    async def _judge(self, name: str, spawner: Any, seen: Observation) -> None:
        settings, board = self.settings, self.board
        person = self.sources.roster.current().people.get(spawner.user.name)
        groups = person.groups if person else ()
        limit = settings.idle_seconds_of(groups)
        # After a start of the hub nothing is known about the past: every server counts as active then.
        watch = culling.look(self._watches.get(name, Watch(seen.at)), seen)
        what = culling.verdict(watch, seen.at, limit, settings.culling_warning_seconds) if limit else "keep"
        if what != "keep" and (work := await self._work(spawner)):
            LOG.info("the server of %s looks idle, but %s", name, work)
            watch, what = Watch(seen.at, seen), "keep"
        if watch.warned_at is None and what != "warn":
            board.personal.pop(name, None)
        if what == "warn":
            minutes = max(1, round(settings.culling_warning_seconds / 60))
            values = {"minutes": str(minutes)}
            words = IDLE
            if spawner.name:
                words, values = IDLE_FURTHER, {**values, "server": spawner.name}
            elif person is not None and person.room is not None:
                words, values = IDLE_ROOM, {**values, "room": person.full_name}
            board.personal[name] = Announcement(words, "warning", values=values, stay=True, server=name)
            watch = dataclasses.replace(watch, warned_at=seen.at)
            LOG.info("warned %s: the server is idle", name)
        self._watches[name] = watch
        if what == "stop" and spawner.ready:  # else it was stopped meanwhile
            LOG.info("stopping the idle server of %s", name)
            board.personal.pop(name, None)
            await self.app.proxy.delete_user(spawner.user, spawner.name)
            await spawner.user.stop(spawner.name)

    async def _work(self, spawner: Any) -> str:
        """Return what works in a server that looks idle; asked only then, since it looks through the home."""
        minutes = max(WORK_MINUTES, round(self.settings.culling_warning_seconds / 60))
        try:
            return str((await spawner._guard(f"/labserver/work/{spawner.object_id}?minutes={minutes}"))["work"])
        except (OSError, ValueError, KeyError) as error:
            LOG.warning("cannot see whether something works in the server of %s: %s", spawner.user.name, error)
            return ""

    async def _observe(self, spawner: Any) -> Observation:
        """Ask a server for its kernels and terminals, and Docker for the CPU time."""
        token = next(service["api_token"] for service in self.app.services if service["name"] == "labserver-keeper")
        client = AsyncHTTPClient()
        answers: dict[str, Any] = {}
        for kind in ("kernels", "terminals"):
            answer = await client.fetch(
                # Without this the server itself would count the request as activity.
                f"{spawner.server.url}api/{kind}?no_track_activity=1",
                headers={"Authorization": f"token {token}"},
                request_timeout=SERVER_TIMEOUT_SECONDS,
                raise_error=False,
            )
            if answer.code != 200 and (kind, answer.code) != ("terminals", 404):  # some images have no terminals
                raise RuntimeError(f"{kind} answers HTTP {answer.code}")
            answers[kind] = json.loads(answer.body) if answer.code == 200 else ()
        stats = await spawner.docker("stats", spawner.object_id, stream=False, one_shot=True)
        return Observation(time.time(), answers["kernels"], answers["terminals"], usage.cpu_seconds(stats))

    def _revoke(self, orm_user: Any) -> None:
        db, name = self.app.db, orm_user.name
        tokens = list(orm_user.api_tokens)
        if tokens or orm_user.admin or orm_user.roles or orm_user.groups:
            LOG.warning("%s may no longer log in: revoking %d tokens, all sessions and roles", name, len(tokens))
            for token in tokens:
                db.delete(token)
            for code in db.query(orm.OAuthCode).filter_by(user_id=orm_user.id):
                db.delete(code)
            orm_user.cookie_id = orm.new_token()  # every session cookie names the old one
            orm_user.admin = False
            orm_user.roles = []
            orm_user.groups = []
            db.commit()
        user = self.app.users[orm_user.id]
        for server_name, spawner in list(user.spawners.items()):
            if spawner.pending or not spawner.active:
                continue
            self._beside(f"stop {name} {server_name}", functools.partial(self._stop, user, server_name))

    async def _stop(self, user: Any, server_name: str) -> None:
        LOG.warning("stopping the server of %s", user.name)
        await self.app.proxy.delete_user(user, server_name)
        await user.stop(server_name)
