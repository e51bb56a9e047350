# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What administrators see and do on the hub's page of people: who is here, messages, and whose server they opened."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.auth import OAuthAuthorizeHandler
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado.web import HTTPError, authenticated

from ..exchange.sources import Sources
from ..exchange.text import clean
from ..runs.runner import Runs
from ..runs.views import stamp
from ..servers import failures, gpus, usage
from ..servers.outage import Outage, is_silence
from ..words import amounts
from . import desk, host_status, messages, people

AT_ONCE = 8
"""So many servers are asked at once what they use."""
MOST_FAILING = 50


def spawners_of(handler: BaseHandler) -> dict[str, list[Any]]:
    """Return the spawners that run, start or stop, by the name of their person. JupyterHub keeps them in memory."""
    found: dict[str, list[Any]] = {}
    for user in handler.users.values():
        busy = [spawner for spawner in user.spawners.values() if spawner.active or spawner.pending]
        if busy:
            found[user.name] = sorted(busy, key=lambda spawner: spawner.name)
    return found


class PeopleHandler(BaseHandler):
    """The page: one table, made in one request."""

    def initialize(self, sources: Sources, runs: Runs) -> None:
        self.sources = sources
        self.runs = runs

    @authenticated
    @needs_scope("admin-ui")
    async def get(self) -> None:
        sources = self.sources
        roster, images = sources.roster.current(), sources.images.current()
        servers: dict[str, list[desk.Server]] = {}
        for name, spawners in spawners_of(self).items():
            person = roster.people.get(name)
            if person is not None:
                servers[name] = [
                    desk.server_of(one, person, images, sources.settings, desk.idle_seconds(self, one))
                    for one in spawners
                ]
        listed = people.rows(
            roster,
            datetime.datetime.now().astimezone().date(),
            self._last_uses(),
            servers,
            await self._held(),
            sources.homes.current(),
            people.last_failures(await self._failures()),
        )
        self.set_header("Cache-Control", "no-store")
        html = await self.render_template(
            "people.html",
            rows=listed,
            groups=sorted({group for row in listed for group in row.groups}),
            card_number=lambda card: gpus.number(sources.settings.gpus, card),
            has_cards=bool(sources.settings.gpus),
            amount=amounts.amount,
            longest=messages.LONGEST,
            failing=self.runs.failing()[:MOST_FAILING],
            runs_problem=self.runs.store.problem,
            stamp=stamp,
        )
        self.finish(html)

    def _last_uses(self) -> dict[str, str]:
        used = self.db.query(orm.User.name, orm.User.last_activity).filter(orm.User.last_activity.is_not(None))
        return {name: f"{at.isoformat(timespec='seconds')}Z" for name, at in used if name}

    async def _held(self) -> dict[str, str]:
        """Return who uses which graphics card; nothing when the guard does not say."""
        running = [one for spawners in spawners_of(self).values() for one in spawners]
        if not self.sources.settings.gpus or not running:
            return {}
        try:
            return dict(await running[0]._guard("/labserver/gpus"))
        except OSError as error:
            self.log.warning("who uses which graphics card is not known: %s", error)
            return {}

    async def _failures(self) -> Sequence[dict[str, Any]]:
        try:
            path = Path(self.sources.settings.state_folder) / "failures.jsonl"
            return await asyncio.to_thread(failures.read, path)
        except OSError as error:
            self.log.warning("the failures of servers cannot be read: %s", error)
            return ()


class PeopleUsageHandler(BaseHandler):
    """What all running servers use now, for the page: it is asked for when the page is there."""

    def initialize(self, meter: usage.Meter, outage: Outage) -> None:
        self.meter, self.outage = meter, outage

    @authenticated
    @needs_scope("admin-ui")
    async def get(self) -> None:
        places = asyncio.Semaphore(AT_ONCE)

        async def ask(spawner: Any) -> dict[str, Any]:
            async with places:
                try:
                    stats = await spawner.docker("stats", spawner.object_id, stream=False, one_shot=True)
                    found = self.meter.read(f"{spawner.user.name} {spawner.name}", stats)
                except Exception as error:  # whatever Docker or the guard says: the page shows no number then
                    if is_silence(error):
                        self.outage.begin(self.log, error)
                    return {"memory_bytes": None, "cores": None}
                self.outage.end(self.log)
                return found

        ready = [one for spawners in spawners_of(self).values() for one in spawners if one.ready]
        found = await asyncio.gather(*map(ask, ready))
        listed = [
            {"user": one.user.name, "server": one.name, **numbers} for one, numbers in zip(ready, found, strict=True)
        ]
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"servers": listed}))


class MessageHandler(BaseHandler):
    """An administrator tells people something; they read it on the hub's pages and in JupyterLab."""

    def initialize(self, sources: Sources) -> None:
        self.sources = sources

    @authenticated
    @needs_scope("admin-ui")
    async def post(self) -> None:
        try:
            body = json.loads(self.request.body)
            names, text, hours = body["people"], body["text"], float(body.get("hours", 24))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise HTTPError(400, "a message has people, text and hours") from error
        known = self.sources.roster.current().people
        if not isinstance(names, list) or not names or not all(isinstance(one, str) and one in known for one in names):
            raise HTTPError(400, "a message is for people of the roster")
        if not isinstance(text, str) or not text.strip() or len(text) > messages.LONGEST:
            raise HTTPError(400, f"a message has 1 to {messages.LONGEST} letters")
        if not 0 < hours <= messages.LONGEST_HOURS:
            raise HTTPError(400, f"a message is shown for at most {messages.LONGEST_HOURS} hours")
        path = Path(self.sources.settings.state_folder) / messages.FILE
        now = datetime.datetime.now(datetime.UTC)
        sender = self.current_user.name
        await asyncio.to_thread(messages.tell, path, names, text.strip(), sender, hours, now)
        self.log.info("%s tells %s: %s", sender, ", ".join(names[:20]), clean(text, 200))
        self.set_status(204)


class VisitHandler(OAuthAuthorizeHandler):
    """Whoever opens the server of somebody else is let in here; the owner is told."""

    def initialize(self, sources: Sources) -> None:
        self.sources = sources

    def send_oauth_response(self, headers: Any, body: Any, status: int) -> None:
        super().send_oauth_response(headers, body, status)
        # Only a code lets the visitor in; a refusal comes this way as well.
        if "code=" in str((headers or {}).get("Location", "")):
            self._tell_owner(self.get_argument("client_id", ""))

    def _tell_owner(self, client_id: str) -> None:
        client = self.db.query(orm.OAuthClient).filter_by(identifier=client_id).first()
        owner = client.spawner.user.name if client is not None and client.spawner else None
        visitor = self.current_user.name
        if owner is None or owner == visitor:
            return
        self.log.warning("%s opens the server of %s", visitor, owner)
        person = self.sources.roster.current().people.get(visitor)
        who = f"{person.full_name} ({visitor})" if person and person.full_name else visitor
        path = Path(self.sources.settings.state_folder) / messages.FILE
        try:
            messages.visited(path, owner, who, datetime.datetime.now(datetime.UTC))
        except OSError as error:
            self.log.error("%s could not be told of it: %s", owner, error)


def handlers(sources: Sources, runs: Runs, meter: usage.Meter, outage: Outage) -> list[tuple[Any, ...]]:
    """Return the pages of administrators, with addresses relative to the hub's."""
    return [
        (r"/admin", PeopleHandler, {"sources": sources, "runs": runs}),
        (r"/admin/usage", PeopleUsageHandler, {"meter": meter, "outage": outage}),
        (r"/admin/message", MessageHandler, {"sources": sources}),
        (r"/admin/status", host_status.StatusHandler, {"sources": sources}),
        (r"/api/oauth2/authorize", VisitHandler, {"sources": sources}),
    ]
