# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bar in JupyterLab asks the hub: what is announced, and "I still need it", which the first page has too."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.handlers import BaseHandler
from tornado.web import HTTPError, authenticated

from ..servers import names, rooms
from .board import Board


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
    """The person says that a server is still needed: it counts as active from now.

    ``server`` is its ``names.key``. Images of former releases send none: then all count that the person was warned of,
    and the first one.
    """

    def check_xsrf_cookie(self) -> None:
        """Take what a page of this address sends; a page of a person's server cannot know the hub's token.

        What is the worst that another server's page could do so is to keep a server running.
        """
        if not from_here(self.request):
            super().check_xsrf_cookie()

    @authenticated
    async def post(self) -> None:
        keeper = getattr(self.app, "keeper", None)
        if keeper is None:
            raise HTTPError(503)
        person = keeper.sources.roster.current().people.get(self.current_user.name)
        mine = rooms.rooms_of(keeper.sources.roster.current(), person) if person else []
        asked = names.keys_of(self.current_user.name, list(keeper.board.personal))
        wanted = {self.current_user.name, *asked, *(one.name for one in mine if one.name in keeper.board.personal)}
        if server := self.get_argument("server", default=""):
            own = {names.key(self.current_user.name, one) for one in ("", *self.current_user.orm_spawners)}
            if server not in own | {one.name for one in mine}:
                raise HTTPError(404, "You have no such server.")
            wanted = {server}
        for name in wanted:
            keeper.stay(name)
        self.set_status(204)


def from_here(request: Any) -> bool:
    """Tell whether a browser says that a page of this address sent a request: what it says, no page can change."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return bool(site == "same-origin")
    origin = urlsplit(request.headers.get("Origin", "")).netloc  # all that is told without HTTPS
    return bool(origin) and bool(origin == request.host)


def handlers(board: Board) -> list[tuple[Any, ...]]:
    """Return what is answered, with addresses relative to the hub's."""
    return [(r"/announcements", AnnouncementsHandler, {"board": board}), (r"/stay", StayHandler)]
