# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portal answers: the first page, the way to one's server, and what it uses."""

from __future__ import annotations

import asyncio
import datetime
import json
from pathlib import Path
from typing import Any

from jupyterhub.apihandlers.users import SpawnProgressAPIHandler
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.pages import HomeHandler
from jupyterhub.utils import url_path_join
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.httputil import url_concat
from tornado.web import HTTPError, authenticated

from ..builds.pages import handlers as builds_handlers
from ..builds.pages import may_see
from ..builds.runner import Builds
from ..exchange.sources import Sources
from ..runs.pages import handlers as runs_handlers
from ..runs.pages import own_views
from ..runs.runner import Runs
from ..runs.views import View
from ..servers import failures, names, usage, visits
from ..servers.outage import Outage, is_silence
from ..words import amounts
from ..words.language import gettext, later
from . import admin, bar, desk, several, together
from .board import Board

ANSWER_SECONDS = 3.0
MY_SERVER = "my-server"
NO_NUMBERS = ("what people's servers use is not known", "what people's servers use is known again")


async def answers(url: str) -> bool:
    """Tell whether a server answers soon."""
    try:
        answer = await AsyncHTTPClient().fetch(
            url, request_timeout=ANSWER_SECONDS, connect_timeout=ANSWER_SECONDS, raise_error=False
        )
    except (OSError, HTTPClientError):
        return False
    return bool(answer.code < 500)


class MyServerHandler(BaseHandler):
    """The way to the person's own server: leads there if it answers, and says so if it does not.

    The proxy would wait half a minute for a server that is paused or stuck, and then show nothing.
    """

    @authenticated
    async def get(self) -> None:
        user = self.current_user
        target = self._validate_next_url(self.get_argument("next", default=""))
        spawner = user.spawners[server_at(user, target)]
        target = target or user.server_url(spawner.name)
        if not spawner.active or spawner.pending:
            start = url_path_join("spawn", user.escaped_name, spawner.name) if spawner.name else "spawn"
            self.redirect(url_path_join(self.hub.base_url, start if not spawner.active else "home"))
        elif await answers(url_path_join(spawner.server.url, "api")):
            self.redirect(target)
        else:
            self.log.warning("the server of %s does not answer", names.key(user.name, spawner.name))
            self.set_status(503)
            self.set_header("Cache-Control", "no-store")
            said = await self.render_template(
                "unanswered.html", seconds=round(ANSWER_SECONDS), target=target, server_name=spawner.name
            )
            self.finish(said)


class LabHomeHandler(HomeHandler):
    """The first page after the login; JupyterHub's own with a desk added."""

    def initialize(self, sources: Sources, runs: Runs, builds: Builds) -> None:
        self.sources = sources
        self.runs = runs
        self.builds = builds

    _view: desk.Desk | None = None

    @authenticated
    async def get(self) -> None:
        self._view = await self._desk()
        await super().get()

    def render_template(self, name: str, sync: bool = False, **more: Any) -> Any:
        if name == "home.html":
            more |= {"desk": self._view, "amount": amounts.amount, "cores": amounts.cores, "number": amounts.tenths}
            more["together"] = self._together()
            more["runs"] = self._runs()
            person = self.sources.roster.current().people.get(self.current_user.name)
            more["has_builds"] = may_see(self.builds, person)
            more["name_rule"] = names.BAD_NAME
        return super().render_template(name, sync=sync, **more)

    def _together(self) -> together.Together | None:
        sources, roster = self.sources, self.sources.roster.current()
        person = roster.people.get(self.current_user.name)
        if person is None:
            return None
        return together.look(self.db, self.users, roster, sources.settings, person, visits.naive_utc_now())

    def _runs(self) -> list[View] | None:
        person = self.sources.roster.current().people.get(self.current_user.name)
        if person is None or not self.runs.enabled:
            return None
        return own_views(self.runs, person, datetime.datetime.now(datetime.UTC))

    async def _desk(self) -> desk.Desk | None:
        sources, user = self.sources, self.current_user
        person = sources.roster.current().people.get(user.name)
        if person is None:
            return None
        images, settings = sources.images.current(), sources.settings
        servers = [
            desk.server_of(one, person, images, settings, desk.idle_seconds(self, one)) for one in own_spawners(user)
        ]
        path = Path(sources.settings.state_folder) / "failures.jsonl"
        try:
            kept = await asyncio.to_thread(failures.read, path)
        except OSError as error:
            self.log.warning("the failures of servers cannot be read: %s", error)
            kept = []
        since = {
            one.name: one.orm_spawner.started.replace(tzinfo=datetime.UTC)
            for one in own_spawners(user)
            if one.active and one.orm_spawner.started
        }
        now = datetime.datetime.now(datetime.UTC)
        failure = desk.last_failure(kept, user.name, since, now)
        month = now.astimezone().strftime("%Y-%m")  # the container has the host's time zone
        return desk.desk(
            person,
            servers[0],
            sources.lab.current(),
            sources.settings,
            sources.shares.current(),
            sources.shares_status.current(),
            failure,
            sources.homes.current().get(user.name),
            sources.usage.current().of(user.name, month),
            servers[1:],
        )


class UsageHandler(BaseHandler):
    """What one of the person's own servers uses now, for the first page; ``server`` is its name."""

    def initialize(self, meter: usage.Meter, outage: Outage) -> None:
        self.meter, self.outage = meter, outage

    @authenticated
    async def get(self) -> None:
        user, name = self.current_user, self.get_argument("server", default="")
        spawner = user.spawners[name] if name in user.orm_spawners else user.spawner
        found: dict[str, Any] = {"memory_bytes": None, "cores": None}
        if spawner.ready:
            found["idle"] = desk.idle_left(desk.idle_seconds(self, spawner))
            try:
                stats = await spawner.docker("stats", spawner.object_id, stream=False, one_shot=True)
                found |= self.meter.read(names.key(user.name, spawner.name), stats)
                self.outage.end(self.log)
            except Exception as error:  # whatever Docker or the guard says: the page shows no number then
                if is_silence(error):
                    self.outage.begin(self.log, error)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(found))


class ProgressHandler(SpawnProgressAPIHandler):
    """How a start goes on, in the language of the page that asks. JupyterHub says it in English."""

    async def send_event(self, event: dict[str, Any]) -> None:
        await super().send_event(
            event | {key: _said(event[key]) for key in ("message", "html_message") if key in event}
        )


PROGRESS = (later("Server requested"), later("Spawning server..."), later("Spawn failed"), later("Spawn cancelled"))
PROGRESS_BEGINS = (later("Server ready at {rest}"), later("Spawn failed: {rest}"))


def _said(message: str) -> str:
    for known in PROGRESS_BEGINS:
        begin = known.removesuffix("{rest}")
        if message.startswith(begin):
            return gettext(known).replace("{rest}", message.removeprefix(begin))
    return gettext(message) if message in PROGRESS else message


class LogoHandler(BaseHandler):
    """The lab's logo; a picture that could run scripts when it is opened by itself is kept from doing so."""

    def initialize(self, sources: Sources) -> None:
        self.sources = sources

    async def get(self) -> None:
        lab = self.sources.lab.current()
        if not lab.logo:
            raise HTTPError(404, "This lab has no logo.")
        self.set_header("Content-Type", lab.logo_type)
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
        self.set_header("Cache-Control", "max-age=300")
        self.finish(lab.logo)


def own_spawners(user: Any) -> list[Any]:
    """Return a person's spawners, the first server's first; those of further servers exist as long as their row."""
    return [user.spawner, *(user.spawners[name] for name in sorted(user.orm_spawners) if name)]


def server_at(user: Any, path: str) -> str:
    """Return the name of the person's server to which an address leads; empty for the first one."""
    begins = f"{user.url.rstrip('/')}/"
    name = path.removeprefix(begins).partition("/")[0].partition("?")[0] if path.startswith(begins) else ""
    return name if name in user.orm_spawners else ""


def way_to_server(handler: BaseHandler, next_url: str = "") -> str:
    """Return the address that leads to the server of who is logged in, empty when they have none that runs.

    Who may have several is led to the first page, which shows them all.
    """
    user = handler.current_user
    if user is None or not getattr(user, "spawner", None):
        return ""
    person = handler.app.sources.roster.current().people.get(user.name)
    if not next_url and person is not None and person.most_servers > 1:
        return str(url_path_join(handler.hub.base_url, "home"))
    if not user.spawners[server_at(user, next_url)].active:
        return ""
    own = url_path_join(handler.base_url, "user", user.escaped_name)
    if next_url and next_url != own and not next_url.startswith(f"{own}/"):
        return ""
    here = url_path_join(handler.hub.base_url, MY_SERVER)
    return str(url_concat(here, {"next": next_url}) if next_url else here)


def handlers(board: Board, sources: Sources, runs: Runs, builds: Builds) -> list[tuple[Any, ...]]:
    """Return the pages, with addresses relative to the hub's: path, handler and what the handler is given."""
    meter, outage = usage.Meter(), Outage(*NO_NUMBERS)
    return [
        *bar.handlers(board),
        (f"/{MY_SERVER}", MyServerHandler),
        (f"/{MY_SERVER}/usage", UsageHandler, {"meter": meter, "outage": outage}),
        (r"/home", LabHomeHandler, {"sources": sources, "runs": runs, "builds": builds}),
        (r"/lab-logo", LogoHandler, {"sources": sources}),
        (r"/api/users/([^/]+)/server/progress", ProgressHandler),
        (r"/api/users/([^/]+)/servers/([^/]*)/progress", ProgressHandler),
        *several.handlers(),
        *runs_handlers(runs),
        *builds_handlers(builds),
        *admin.handlers(sources, runs, meter, outage),
    ]
