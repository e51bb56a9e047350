# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portal answers: the announcements as JSON, and "I still need my server"."""

from __future__ import annotations

import json
from typing import Any

from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.httputil import url_concat
from tornado.web import HTTPError, authenticated

from .board import Board

ANSWER_SECONDS = 3.0
MY_SERVER = "my-server"


class AnnouncementsHandler(BaseHandler):
    """What is announced now, for the banner in JupyterLab, with what concerns only the person who asks."""

    def initialize(self, board: Board) -> None:
        self.board = board

    async def get(self) -> None:
        user = self.current_user
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"announcements": self.board.for_user(user)}))


class StayHandler(BaseHandler):
    """The person says that the idle server is still needed: it counts as active from now."""

    @authenticated
    async def post(self) -> None:
        keeper = getattr(self.app, "keeper", None)
        if keeper is None:
            raise HTTPError(503)
        keeper.stay(self.current_user.name)
        self.set_status(204)


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
        spawner = user.spawner
        target = self._validate_next_url(self.get_argument("next", default="")) or user.url
        if not spawner.active or spawner.pending:
            self.redirect(url_path_join(self.hub.base_url, "spawn" if not spawner.active else "home"))
        elif await answers(url_path_join(spawner.server.url, "api")):
            self.redirect(target)
        else:
            self.log.warning("the server of %s does not answer", user.name)
            self.set_status(503)
            self.set_header("Cache-Control", "no-store")
            self.finish(await self.render_template("unanswered.html", seconds=round(ANSWER_SECONDS), target=target))


def way_to_server(handler: BaseHandler, next_url: str = "") -> str:
    """Return the address that leads to the server of who is logged in, empty when they have none that runs."""
    user = handler.current_user
    if user is None or not getattr(user, "spawner", None) or not user.spawner.active:
        return ""
    own = url_path_join(handler.base_url, "user", user.escaped_name)
    if next_url and next_url != own and not next_url.startswith(f"{own}/"):
        return ""
    here = url_path_join(handler.hub.base_url, MY_SERVER)
    return str(url_concat(here, {"next": next_url}) if next_url else here)


def handlers(board: Board) -> list[tuple[Any, ...]]:
    """Return the pages, with addresses relative to the hub's: path, handler and what the handler is given."""
    return [
        (r"/announcements", AnnouncementsHandler, {"board": board}),
        (r"/stay", StayHandler),
        (f"/{MY_SERVER}", MyServerHandler),
    ]
