# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the hub: ``python -m labhub.app --config jupyterhub_config.py``."""

from __future__ import annotations

import asyncio
import datetime
import logging
import sys
from pathlib import Path
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from traitlets import Instance, default

from .api import bounds, decided
from .api.door import Door
from .builds.runner import Builds
from .exchange.sources import Sources
from .exchange.text import CleanRecords
from .keeper import copies, rows
from .keeper.keeper import Keeper
from .login.firstuse import LabFirstUseAuthenticator
from .login.pages import way_to_password
from .login.password_store import StoreError
from .outside.boxes import Boxes
from .outside.handlers import handlers as front_handlers
from .outside.tries import Tries
from .portal import pages
from .portal.board import Board
from .runs.runner import Runs
from .servers import choices, rooms
from .words import foreign, language


class LabHub(JupyterHub):
    """JupyterHub that checks its password store before it starts, shows announcements, and runs the keeper."""

    name = "jupyterhub"
    sources: Sources = Instance(Sources, config=True, help="The exchange files and settings.")
    board: Board = Instance(Board)
    boxes: Boxes = Instance(Boxes)
    runs: Runs = Instance(Runs)
    builds: Builds = Instance(Builds)
    default_url: Any  # of JupyterHub
    load_roles: Any  # of JupyterHub
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

    @default("boxes")
    def _default_boxes(self) -> Boxes:
        return Boxes(self.sources)

    @default("runs")
    def _default_runs(self) -> Runs:
        return Runs(self.sources)

    @default("builds")
    def _default_builds(self) -> Builds:
        return Builds(self.sources)

    @default("board")
    def _default_board(self) -> Board:
        return Board(self.sources.announcements, self.sources.roster, self.sources.retiring)

    def init_logging(self) -> None:
        super().init_logging()
        # What labhub says belongs into the hub's log, with its format and level.
        own = logging.getLogger("labhub")
        own.parent = self.log
        own.setLevel(self.log.level)
        for handler in self.log.handlers:
            handler.addFilter(CleanRecords())

    def init_handlers(self) -> None:
        super().init_handlers()
        own = [*pages.handlers(self.board, self.sources, self.runs, self.builds)]
        own += [*decided.handlers(), *bounds.handlers()]
        if self.sources.settings.box_image:
            tries = Tries(self, self.sources.settings.state_folder)
            own += front_handlers(tries, self.boxes)
        self.handlers[:0] = self.add_url_prefix(self.hub_prefix, own)

    def init_tornado_settings(self) -> None:
        self.template_vars["lab_announcements"] = self.board.for_user
        self.template_vars["lab"] = lambda _user: self.sources.lab.current()
        if not self.default_url:
            self.default_url = pages.way_to_server
        super().init_tornado_settings()
        self.tornado_settings["way_to_server"] = pages.way_to_server
        self.tornado_settings["way_to_password"] = way_to_password
        self.tornado_settings["oauth_no_confirm_list"] = rooms.Clients(
            self.tornado_settings.get("oauth_no_confirm_list") or (), self.sources.roster
        )
        for environment in (self.tornado_settings["jinja2_env"], self.tornado_settings["jinja2_env_sync"]):
            language.install(environment)
            environment.add_extension(foreign.Marked)

    def init_tornado_application(self) -> None:
        self.tornado_application = bounds.BoundedApplication(self.handlers, **self.tornado_settings)
        self.tornado_application.door = Door(self.sources.settings.proxy_address)
        self.tornado_application.language = lambda: self.sources.lab.current().language

    def init_db(self) -> None:
        database = Path(self.db_url.removeprefix("sqlite:///"))
        copy = copies.restore(database, database.parent / "copies")
        if copy is not None:
            self.log.critical("the database was missing; it was restored from the copy %s", copy)
        super().init_db()
        self._mend_rows()

    def _mend_rows(self) -> None:
        """Repair rows before JupyterHub reads them: one without a name breaks the list behind the admin page."""
        for line in bounds.trim(self.db):
            self.log.warning("%s", line)
        people = self.sources.roster.current().people
        if self.sources.roster.known:
            for line in rows.mend(self.db, people, self.sources.settings.container_prefix):
                self.log.warning("%s", line)

    async def init_role_creation(self) -> None:
        """Add the roles of the rooms: JupyterHub deletes at its start what is not among those to load."""
        self.load_roles = [*self.load_roles, *rooms.roles(self.sources.roster.current())]
        await super().init_role_creation()

    async def start(self) -> None:
        self._prepare_choices()
        await super().start()
        if getattr(self, "authenticator", None) is not None and not self.subapp:
            self.keeper = Keeper(self, self.sources, self.board, self.boxes, self.runs, self.builds)
            self._task = asyncio.create_task(self.keeper.run())

    def _prepare_choices(self) -> None:
        """Tell the registry's retention what people chose before this was written down; see ``servers.choices``."""
        known = {image.name: image for image in self.sources.images.current()}
        path = Path(self.sources.settings.state_folder) / choices.FILE
        try:
            last = [
                (spawner.user.name, known[wanted])
                for spawner in self.db.query(orm.Spawner)
                if spawner.user and (wanted := (spawner.user_options or {}).get("image")) in known
            ]
            if choices.prepare(path, last, datetime.datetime.now(datetime.UTC)):
                self.log.warning(
                    "wrote down in %s what %d people chose last, as the database knows it", path, len(last)
                )
        except (OSError, TypeError) as error:
            self.log.error("what people chose last could not be written down: %s", error)


def main() -> None:
    """Run the hub."""
    LabHub.launch_instance(sys.argv[1:])


if __name__ == "__main__":
    main()
