# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page on which people have images made. Everybody has their own builds; nobody else's can be named here.

Only a browser that is logged in counts, with JupyterHub's check of where its request comes from. A token does not: the
one of a server can be read by whoever is in that server.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado.web import HTTPError, authenticated

from ..exchange.kept import FullError, UnknownError
from ..exchange.roster import Person
from ..servers.server import allowance
from ..words import amounts
from ..words.language import gettext as _
from ..words.moments import aware_utc_now, stamp
from .model import DONE, ONGOING, REMOVING, RUNNING, WAITING, Build, again, bases, defined, groups_of, with_own_tag
from .runner import Builds

FIELDS = ("group", "name", "kind", "source", "base")
NOT_KEPT = "What you changed could not be kept. Please tell the administrator."


class BuildsHandler(BaseHandler):
    """Base: the person who asks, where people may have images made."""

    def initialize(self, builds: Builds) -> None:
        self.builds = builds

    def person(self) -> Person:
        """Return who asks; raises HTTPError for whoever may have no image made."""
        if not self.builds.enabled:
            raise HTTPError(404, "Images by people are not switched on in this lab.")
        found: Person | None = self.authenticator.person(self.current_user.name)
        if found is None or found.room is not None:
            raise HTTPError(403, "You are not (or no longer) among the people of this server.")
        if not self.mine(found) and not groups_of(found, self.builds.settings):
            raise HTTPError(403, "In none of your groups may people have images made.")
        return found

    def mine(self, person: Person) -> tuple[Build, ...]:
        """Return a person's own builds."""
        return self.builds.store.of(person.name, person.uid)

    def own(self, identity: str) -> Build:
        """Return one of the person's own; raises HTTPError as if those of others did not exist."""
        found = next((one for one in self.mine(self.person()) if one.id == identity), None)
        if found is None:
            raise HTTPError(404, "There is no such image of yours.")
        return found

    def full(self, person: Person) -> list[str]:
        """Return why a person may not have another image made now, in words."""
        return [self.enough()] if len(self.mine(person)) >= self.builds.settings.builds_per_person else []

    def enough(self) -> str:
        """Return what whoever has as many as are allowed reads."""
        most = self.builds.settings.builds_per_person
        return _("You have {most} images, as many as are allowed. Remove one first.").format(most=most)

    def back(self) -> None:
        """Show the page."""
        self.redirect(url_path_join(self.hub.base_url, "builds"))

    async def add(self, new: Build) -> None:
        """Keep a new build; raises HTTPError."""
        try:
            new = await self.builds.store.add(new, self.builds.settings.builds_per_person, with_own_tag)
        except FullError:
            raise HTTPError(400, self.enough()) from None
        except OSError as error:
            self.log.error("a build could not be kept: %s", error)
            raise HTTPError(503, NOT_KEPT) from error
        self.log.info("%s has %s built from %s", new.owner, new.image, new.source)


class ListHandler(BuildsHandler):
    """The page, and the form on it."""

    async def show(self, person: Person, problems: list[str], form: dict[str, str]) -> None:
        """Answer with the page."""
        settings = self.builds.settings
        allowed = allowance(settings, person)
        self.set_header("Cache-Control", "no-store")
        html = await self.render_template(
            "builds.html",
            builds=tuple(reversed(self.mine(person))),
            broken=bool(self.builds.store.problem),
            problems=problems,
            form=form,
            groups=groups_of(person, settings),
            bases=bases(self.builds.sources.images.current(), person),
            full=self.full(person),
            network=settings.builds_network,
            minutes=amounts.span(settings.builds_longest_seconds),
            size=amounts.amount(settings.builds_most_bytes),
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
        images = self.builds.sources.images.current()
        new, problems = defined(form, person, images, self.builds.settings, aware_utc_now())
        problems += self.full(person)
        if new is None or problems:
            self.set_status(400)
            await self.show(person, problems, form)
            return
        await self.add(new)
        self.back()


class ActHandler(BuildsHandler):
    """What can be done with one: stop it, build it again, remove it with its image."""

    @authenticated
    async def post(self, identity: str, act: str) -> None:
        one = self.own(identity)
        if act == "again":
            problems = self.full(self.person())
            if problems:
                raise HTTPError(400, problems[0])
            if one.state not in ONGOING:
                await self.add(again(one, aware_utc_now()))
            self.back()
            return
        try:
            if act == "stop" and one.state in (WAITING, RUNNING):
                await self.builds.store.change(identity, lambda old: dataclasses.replace(old, stopped=True))
            elif act == "remove" and one.state == DONE:
                await self.builds.store.change(identity, lambda old: dataclasses.replace(old, state=REMOVING))
            elif act == "remove" and one.state not in (*ONGOING, REMOVING):
                await self.builds.forget(one)
        except UnknownError:
            raise HTTPError(404, "There is no such image of yours.") from None
        except OSError as error:
            self.log.error("a build could not be changed: %s", error)
            raise HTTPError(503, NOT_KEPT) from error
        self.back()


class LogHandler(BuildsHandler):
    """How far a build is, and the end of its log, for the page that asks every few seconds."""

    @authenticated
    async def get(self, identity: str) -> None:
        one = self.own(identity)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"state": one.state, "lines": await self.builds.log(one)}))


def may_see(builds: Builds, person: Person | None) -> bool:
    """Tell whether the first page leads a person to this one."""
    if person is None or person.room is not None or not builds.enabled:
        return False
    return bool(groups_of(person, builds.settings)) or bool(builds.store.of(person.name, person.uid))


def handlers(builds: Builds) -> list[tuple[Any, ...]]:
    """Return the pages, with addresses relative to the hub's."""
    return [
        (r"/builds", ListHandler, {"builds": builds}),
        (r"/builds/([0-9a-f]{12})/(stop|again|remove)", ActHandler, {"builds": builds}),
        (r"/builds/([0-9a-f]{12})/log", LogHandler, {"builds": builds}),
    ]
