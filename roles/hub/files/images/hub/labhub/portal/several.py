# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that starts a server, also one of several of a person; whoever has a one-time password changes it first."""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.pages import SpawnHandler

from ..servers.permission import Named


class LabSpawnHandler(Named, SpawnHandler):
    """JupyterHub's own, which after a start that failed shows the form of the person's first server."""

    @property
    def server_name(self) -> str:
        """The name of the further server in the address; empty for the first one."""
        return self.path_args[1] if len(self.path_args) > 1 and self.path_args[1] else ""

    async def prepare(self) -> None:
        await super().prepare()
        if way := self.settings["way_to_password"](self):
            self.redirect(way)

    async def _render_form(
        self, for_user: Any, spawner_options_form: str, message: str = "", html_message: str = ""
    ) -> Any:
        if self.server_name and self.request.method == "POST":
            spawner_options_form = await for_user.spawners[self.server_name].get_options_form()
        return await super()._render_form(for_user, spawner_options_form, message, html_message)

    def render_template(self, name: str, sync: bool = False, **more: Any) -> Any:
        return super().render_template(name, sync=sync, **{"server_name": self.server_name, **more})


def handlers() -> list[tuple[str, type]]:
    """Return the page, with addresses relative to the hub's."""
    return [
        (r"/spawn", LabSpawnHandler),
        (r"/spawn/([^/]+)", LabSpawnHandler),
        (r"/spawn/([^/]+)/([^/]+)", LabSpawnHandler),
    ]
