# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the hub: ``python -m labhub.app --config jupyterhub_config.py``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from jupyterhub.app import JupyterHub
from traitlets import Instance, default

from .exchange.sources import Sources
from .keeper import copies
from .keeper.keeper import Keeper
from .login.firstuse import LabFirstUseAuthenticator
from .login.password_store import StoreError
from .portal import pages
from .portal.board import Board


class LabHub(JupyterHub):
    """JupyterHub that checks its password store before it starts, shows announcements, and runs the keeper."""

    name = "jupyterhub"
    sources: Sources = Instance(Sources, config=True, help="The exchange files and settings.")
    board: Board = Instance(Board)
    keeper: Keeper | None = None
    _task: asyncio.Task[None] | None = None

    async def initialize(self, *args: Any, **kwargs: Any) -> None:
        await super().initialize(*args, **kwargs)
        authenticator = getattr(self, "authenticator", None)
        if isinstance(authenticator, LabFirstUseAuthenticator):
            try:
                authenticator.check_store()
            except StoreError as error:
                self.log.critical("not starting: %s", error)
                self.exit(78)

    @default("board")
    def _default_board(self) -> Board:
        return Board(self.sources.announcements, self.sources.roster)

    def init_handlers(self) -> None:
        super().init_handlers()
        self.handlers[:0] = self.add_url_prefix(self.hub_prefix, pages.handlers(self.board))

    def init_tornado_settings(self) -> None:
        self.template_vars["lab_announcements"] = self.board.for_user
        super().init_tornado_settings()

    def init_db(self) -> None:
        database = Path(self.db_url.removeprefix("sqlite:///"))
        copy = copies.restore(database, database.parent / "copies")
        if copy is not None:
            self.log.critical("the database was missing; it was restored from the copy %s", copy)
        super().init_db()

    async def start(self) -> None:
        await super().start()
        if getattr(self, "authenticator", None) is not None and not self.subapp:
            self.keeper = Keeper(self, self.sources, self.board)
            self._task = asyncio.create_task(self.keeper.run())


def main() -> None:
    """Run the hub."""
    LabHub.launch_instance(sys.argv[1:])


if __name__ == "__main__":
    main()
