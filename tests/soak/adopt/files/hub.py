# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What TLJH's jupyterhub_config.py makes of config.yaml (tljh/configurer.py), but for proxy and spawner.

The tests log in at the hub itself and start no server there.
"""

from pathlib import Path

import yaml
from jupyterhub.proxy import Proxy

said = yaml.safe_load(Path("/opt/tljh/config/config.yaml").read_text())


class NoProxy(Proxy):
    should_start = False

    async def add_route(self, routespec, target, data):
        pass

    async def delete_route(self, routespec):
        pass

    async def get_all_routes(self):
        return {}


c = get_config()  # noqa: F821
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_port = 15001
c.JupyterHub.cookie_secret_file = "/opt/tljh/state/jupyterhub_cookie_secret"
c.JupyterHub.authenticator_class = "firstuseauthenticator.FirstUseAuthenticator"
c.FirstUseAuthenticator.create_users = False
c.Authenticator.admin_users = set(said["users"]["admin"])
c.Authenticator.allowed_users = {f"person{number}" for number in range(49)}
