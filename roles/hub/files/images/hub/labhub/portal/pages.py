# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portal answers: the announcements as JSON, and "I still need my server"."""

from __future__ import annotations

import json
from typing import Any

from jupyterhub.handlers import BaseHandler
from tornado.web import HTTPError, authenticated

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
    """The person says that the idle server is still needed: it counts as active from now."""

    @authenticated
    async def post(self) -> None:
        keeper = getattr(self.app, "keeper", None)
        if keeper is None:
            raise HTTPError(503)
        keeper.stay(self.current_user.name)
        self.set_status(204)


def handlers(board: Board) -> list[tuple[Any, ...]]:
    """Return the pages, with addresses relative to the hub's: path, handler and what the handler is given."""
    return [(r"/announcements", AnnouncementsHandler, {"board": board}), (r"/stay", StayHandler)]
