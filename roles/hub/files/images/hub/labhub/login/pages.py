# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that JupyterHub lacks: change the password (required after a one-time password), sign up, approve sign-ups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyterhub.handlers import BaseHandler, LoginHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado.httputil import url_concat
from tornado.web import HTTPError, authenticated

from ..words.language import gettext as _


def change_url(handler: BaseHandler, next_url: str) -> str:
    """Return the address of the page that changes the password and then goes on to ``next_url``."""
    return str(
        url_concat(url_path_join(handler.hub.base_url, "change-password"), {"next": next_url} if next_url else {})
    )


def way_to_password(handler: BaseHandler) -> str:
    """Return the address at which who is logged in has to choose a password before anything else; empty for nobody."""
    user, must_change = handler.current_user, getattr(handler.authenticator, "must_change", None)
    needed = user is not None and must_change is not None and must_change(user.name)
    return change_url(handler, handler.request.uri) if needed else ""


class LabLoginHandler(LoginHandler):
    """The login page; leads people with a one-time password to the page that changes it."""

    def get_next_url(self, user: Any = None, default: str | None = None) -> str:
        next_url = str(super().get_next_url(user, default))
        if user is not None and self.authenticator.must_change(user.name):
            return change_url(self, next_url)
        to_server: Callable[[Any, str], str] = self.settings["way_to_server"]
        return to_server(self, next_url) or next_url


class ChangePasswordHandler(BaseHandler):
    """The page on which people choose their password. Asks for the current one."""

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
            message = _("The two new passwords differ.")
        else:
            try:
                message = await self.authenticator.change_password(self, user.name, old, new)
            except HTTPError as error:
                message = error.log_message or _(
                    "The password cannot be changed at the moment. Please try again later."
                )
        if message:
            self.set_status(400)
            self.finish(await self._page(message))
            return
        self.redirect(self.get_next_url(user))


class SignUpHandler(BaseHandler):
    """The page on which people sign up."""

    async def _page(self, message: str = "", done: bool = False) -> str:
        length = self.authenticator.minimum_length
        return str(await self.render_template("signup.html", message=message, done=done, minimum_length=length))

    async def get(self) -> None:
        self.finish(await self._page())

    async def post(self) -> None:
        name = self.get_body_argument("username", default="").strip().lower()
        password, again = (self.get_body_argument(field, default="", strip=False) for field in ("password", "again"))
        message = _("The two passwords differ.")
        if password == again:
            message = await self.authenticator.sign_up(name, password)
        if message:
            self.set_status(400)
        self.finish(await self._page(message, done=not message))


class ApprovalsHandler(BaseHandler):
    """The page on which administrators approve or discard sign-ups."""

    @needs_scope("admin:users")
    async def get(self) -> None:
        self.finish(await self.render_template("approvals.html", names=self.authenticator.waiting()))

    @needs_scope("admin:users")
    async def post(self) -> None:
        name, verdict = self.get_body_argument("name"), self.get_body_argument("verdict")
        if verdict not in ("approve", "discard"):
            raise HTTPError(400)
        done = self.authenticator.decide(name, verdict)
        result = "done" if done else "there is no such sign-up"
        self.log.warning("%s: %s the sign-up of %s: %s", self.current_user.name, verdict, name, result)
        self.redirect(self.request.path)


def firstuse_handlers() -> list[tuple[str, type]]:
    """Return the pages of the method ``firstuse``, with addresses relative to the hub's."""
    return [
        (r"/login", LabLoginHandler),
        (r"/change-password", ChangePasswordHandler),
    ]


def native_handlers() -> list[tuple[str, type]]:
    """Return the pages of the method ``native``, with addresses relative to the hub's."""
    return [
        (r"/login", LabLoginHandler),
        (r"/signup", SignUpHandler),
        (r"/approvals", ApprovalsHandler),
        (r"/change-password", ChangePasswordHandler),
    ]
