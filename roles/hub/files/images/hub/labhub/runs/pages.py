# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page on which people schedule notebooks. Everybody has their own; nobody else's can be named here.

Only a browser that is logged in counts, with JupyterHub's check of where its request comes from. A token does not: the
one of a server can be read by whoever is in that server.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado.web import HTTPError, authenticated

from ..exchange.kept import FullError
from ..exchange.roster import Person
from ..servers.offer import offered
from ..servers.server import allowance
from ..words import amounts
from ..words.language import gettext as _
from ..words.moments import aware_utc_now, stamp
from . import views, when
from .model import Definition
from .runner import Runs
from .store import UnknownError

FIELDS = ("notebook", "image", "days", "clock", "fields", "hours", "keep")
NOT_KEPT = "What you changed could not be kept. Please tell the administrator."


class RunsHandler(BaseHandler):
    """Base: the person who asks, where notebooks may be scheduled."""

    def initialize(self, runs: Runs) -> None:
        self.runs = runs

    def person(self) -> Person:
        """Return who asks; raises HTTPError for who is no person of the roster, as a room is none."""
        if not self.runs.enabled:
            raise HTTPError(404, "Scheduled notebooks are not switched on in this lab.")
        found: Person | None = self.authenticator.person(self.current_user.name)
        if found is None or found.room is not None:
            raise HTTPError(403, "You are not (or no longer) among the people of this server.")
        return found

    def own(self, identity: str) -> Definition:
        """Return one of the person's own; raises HTTPError as if those of others did not exist."""
        person = self.person()
        found = next((one for one in self.runs.store.of(person.name, person.uid) if one.id == identity), None)
        if found is None:
            raise HTTPError(404, "There is no such scheduled notebook.")
        return found

    def back(self) -> None:
        """Show the page."""
        self.redirect(url_path_join(self.hub.base_url, "runs"))


class ListHandler(RunsHandler):
    """The page, and the form on it."""

    async def show(self, person: Person, problems: list[str], form: dict[str, str]) -> None:
        """Answer with the page."""
        runs, settings, now = self.runs, self.runs.settings, aware_utc_now()
        images = offered(runs.sources.images.current(), person, settings.default_image)
        allowed = allowance(settings, person)
        self.set_header("Cache-Control", "no-store")
        html = await self.render_template(
            "runs.html",
            runs=own_views(runs, person, now),
            broken=bool(runs.store.problem),
            problems=problems,
            form=form,
            images=images,
            days=when.DAYS,
            most=settings.runs_per_person,
            longest=f"{settings.runs_longest_seconds / 3600:g}",
            hours=f"{min(1, settings.runs_longest_seconds / 3600):g}",
            keep=views.KEEP,
            most_kept=views.MOST_KEPT,
            memory=amounts.amount(allowed.memory_bytes),
            cores=amounts.cores(allowed.cpu),
            home=person.home,
            stamp=stamp,
        )
        self.finish(html)

    @authenticated
    async def get(self) -> None:
        await self.show(self.person(), [], {})

    @authenticated
    async def post(self) -> None:
        person = self.person()
        form = {key: self.get_body_argument(key, default="", strip=False) for key in FIELDS}
        runs, most = self.runs, self.runs.settings.runs_per_person
        said = _("You have {most} scheduled notebooks, as many as are allowed. Remove one first.").format(most=most)
        new, problems = views.defined(form, person, runs.sources.images.current(), runs.settings, aware_utc_now())
        if len(runs.store.of(person.name, person.uid)) >= most:
            problems.append(said)
        if new is None or problems:
            self.set_status(400)
            await self.show(person, problems, form)
            return
        try:
            await runs.store.add(new, most)
        except FullError:
            raise HTTPError(400, said) from None
        except OSError as error:
            self.log.error("a scheduled notebook could not be kept: %s", error)
            raise HTTPError(503, NOT_KEPT) from error
        self.log.info("%s schedules %s: %s", person.name, new.notebook, new.fields)
        self.back()


class ActHandler(RunsHandler):
    """What can be done with one: run it now, stop it, pause it, let it go on, remove it."""

    @authenticated
    async def post(self, identity: str, act: str) -> None:
        self.own(identity)

        def changed(one: Definition) -> Definition:
            if act == "now":
                return one if one.running else dataclasses.replace(one, asked=True)
            if act == "stop":
                if one.running is None:
                    return one.settled(aware_utc_now())
                return dataclasses.replace(one, running=dataclasses.replace(one.running, stopped=True))
            # What was due meanwhile is not made up.
            return dataclasses.replace(one.settled(aware_utc_now()), paused=act == "pause")

        try:
            if act == "remove":
                await self.runs.forget(identity)
            else:
                await self.runs.store.change(identity, changed)
        except UnknownError:
            raise HTTPError(404, "There is no such scheduled notebook.") from None
        except OSError as error:
            self.log.error("a scheduled notebook could not be changed: %s", error)
            raise HTTPError(503, NOT_KEPT) from error
        self.back()


def own_views(runs: Runs, person: Person, now: datetime.datetime) -> list[views.View]:
    """Return a person's scheduled notebooks as they are shown."""
    return [views.view(one, now, runs.stalled.get(one.id)) for one in runs.store.of(person.name, person.uid)]


def handlers(runs: Runs) -> list[tuple[Any, ...]]:
    """Return the pages, with addresses relative to the hub's."""
    return [
        (r"/runs", ListHandler, {"runs": runs}),
        (r"/runs/([0-9a-f]{12})/(now|stop|pause|resume|remove)", ActHandler, {"runs": runs}),
    ]
