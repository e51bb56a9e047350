# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that JupyterHub does not have: changing one's password, and being led there after a one-time password."""

from __future__ import annotations

import datetime
import json
from typing import Any

from jupyterhub.handlers import BaseHandler, LoginHandler
from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.utils import url_path_join
from tornado.httputil import url_concat
from tornado.web import HTTPError, authenticated

from .announcements import farewell

SOURCES: dict[str, Any] = {}
"""The announcements' board and the roster, set when the hub is configured."""


def change_url(handler: BaseHandler, next_url: str) -> str:
    """Return the address of the page that changes the password and then goes on to ``next_url``."""
    return str(
        url_concat(url_path_join(handler.hub.base_url, "change-password"), {"next": next_url} if next_url else {})
    )


class LabLoginHandler(LoginHandler):
    """The login page; leads people with a one-time password to the page that changes it."""

    def get_next_url(self, user: Any = None, default: str | None = None) -> str:
        next_url = str(super().get_next_url(user, default))
        if user is not None and self.authenticator.must_change(user.name):
            return change_url(self, next_url)
        return next_url


class LabSpawnHandler(SpawnHandler):
    """The page that starts a server; not before the one-time password is changed."""

    async def prepare(self) -> None:
        await super().prepare()
        user = self.current_user
        if user is not None and self.authenticator.must_change(user.name):
            self.redirect(change_url(self, self.request.uri))


class ChangePasswordHandler(BaseHandler):
    """The page on which people choose their password. Asks for the present one."""

    async def _page(self, message: str = "") -> str:
        user = self.current_user
        return str(
            await self.render_template(
                "change_password.html",
                must_change=self.authenticator.must_change(user.name),
                minimum_length=self.authenticator.minimum_length,
                next=self.get_argument("next", default=""),
                message=message,
            )
        )

    @authenticated
    async def get(self) -> None:
        self.finish(await self._page())

    @authenticated
    async def post(self) -> None:
        user = self.current_user
        old, new, again = (self.get_body_argument(field, default="", strip=False) for field in ("old", "new", "again"))
        if new != again:
            message = "The two new passwords differ."
        else:
            try:
                message = await self.authenticator.change_password(self, user.name, old, new)
            except HTTPError as error:
                message = error.log_message or "Not now."
        if message:
            self.set_status(400)
            self.finish(await self._page(message))
            return
        self.redirect(self.get_next_url(user))


class AnnouncementsHandler(BaseHandler):
    """What is announced now, for the banner in JupyterLab, with the words for the person who asks."""

    async def get(self) -> None:
        user = self.current_user
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"announcements": shown(user)}))


class StayHandler(BaseHandler):
    """The person says that the idle server is still needed: it counts as active now."""

    @authenticated
    async def post(self) -> None:
        keeper = getattr(self.app, "keeper", None)
        if keeper is None:
            raise HTTPError(503)
        keeper.stay(self.current_user.name)
        self.set_status(204)


def shown(user: Any) -> list[dict[str, Any]]:
    """Return the announcements for a user of the hub (None: nobody is logged in)."""
    board, roster = SOURCES["board"], SOURCES["roster"]
    now = datetime.datetime.now(datetime.UTC)
    if user is None:
        return list(board.shown(now))
    lab = roster.current()
    person = lab.people.get(user.name)
    if person is None:
        return list(board.shown(now, user.name, ()))
    own = farewell(person.expires, now.astimezone().date(), lab.notice_days)
    return list(board.shown(now, user.name, person.groups, own))


def common_handlers() -> list[tuple[str, type]]:
    """Return the pages that every authenticator has."""
    return [(r"/announcements", AnnouncementsHandler), (r"/stay", StayHandler)]


def password_handlers() -> list[tuple[str, type]]:
    """Return the pages of LabAuthenticator, relative to the hub's address."""
    return [
        (r"/login", LabLoginHandler),
        (r"/spawn", LabSpawnHandler),
        (r"/spawn/([^/]+)", LabSpawnHandler),
        (r"/spawn/([^/]+)/([^/]+)", LabSpawnHandler),
        (r"/change-password", ChangePasswordHandler),
        *common_handlers(),
    ]
