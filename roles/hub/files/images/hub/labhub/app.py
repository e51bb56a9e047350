# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub with what this project adds: ``python -m labhub.app --config jupyterhub_config.py``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from jupyterhub.app import JupyterHub

from . import copies
from ._password_store import StoreError
from .authenticator import LabAuthenticator
from .keeper import Keeper
from .spawner import LabSpawner


class LabHub(JupyterHub):
    """JupyterHub that checks its password store before it starts and then keeps in step with the roster."""

    name = "jupyterhub"
    keeper: Keeper | None = None
    _task: asyncio.Task[None] | None = None

    async def initialize(self, *args: Any, **kwargs: Any) -> None:
        await super().initialize(*args, **kwargs)
        authenticator = getattr(self, "authenticator", None)
        if isinstance(authenticator, LabAuthenticator):
            try:
                authenticator.check_store()
            except StoreError as error:
                self.log.critical("not starting: %s", error)
                self.exit(78)

    def init_db(self) -> None:
        database = Path(self.db_url.removeprefix("sqlite:///"))
        copy = copies.restore(database, database.parent / "copies")
        if copy is not None:
            self.log.critical("the database was missing; going on with the copy %s", copy)
        super().init_db()

    async def start(self) -> None:
        await super().start()
        if getattr(self, "authenticator", None) is not None and not self.subapp:
            self.keeper = Keeper(self, LabSpawner.sources)
            self._task = asyncio.create_task(self.keeper.run())


def main() -> None:
    """Run the hub."""
    LabHub.launch_instance(sys.argv[1:])


if __name__ == "__main__":
    main()
