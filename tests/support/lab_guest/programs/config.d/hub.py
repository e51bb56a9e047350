# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hub in the guest has besides its own configuration: a token for the tests, and no proxy."""

from __future__ import annotations

import os
from typing import Any

from jupyterhub.proxy import Proxy
from labhub.login.gate import RosterGate


class NoProxy(Proxy):
    """Keeps the routes that a proxy would have; the tests talk to the hub itself."""

    should_start = False
    table: dict[str, dict[str, Any]] = {}

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        self.table[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: str) -> None:
        self.table.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        return dict(self.table)


c = globals()["c"]
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.authenticator_class = RosterGate  # people log in nowhere here; who is who decides the roster, as always
c.JupyterHub.services.append({"name": "test", "api_token": os.environ["TEST_TOKEN"]})
c.JupyterHub.load_roles.append({"name": "test", "services": ["test"], "scopes": ["admin:users", "admin:servers"]})
