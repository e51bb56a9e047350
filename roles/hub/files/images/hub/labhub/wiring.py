# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the settings into JupyterHub's configuration; ``jupyterhub_config.py`` only calls ``configure``."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from .exchange.settings import Settings, load
from .exchange.sources import Sources
from .login import methods
from .outside.handlers import SERVICE as FRONT
from .outside.handlers import TOKEN_FILE
from .servers.spawner import LabSpawner

TEMPLATES = [Path(__file__).parent / package / "templates" for package in ("portal", "login", "runs", "builds")]
HUB_PORT = 8081
KEEPER = "labserver-keeper"


def secret(settings: Settings, name: str) -> str:
    """Return the content of a file of the secrets folder."""
    return (Path(settings.secrets_folder) / name).read_text().strip()


def configure(c: Any, settings: Settings | None = None) -> None:
    """Fill in JupyterHub's configuration object ``c``."""
    settings = settings or load()
    state = Path(settings.state_folder)
    # Without a roster the hub could neither let anybody log in nor tell whose access has to be revoked.
    roster_copy = state / "roster.json"
    c.LabHub.sources = c.LabSpawner.sources = Sources(settings, roster_copy)

    hub = c.JupyterHub
    hub.base_url = settings.base_url
    hub.hub_bind_url = f"http://0.0.0.0:{HUB_PORT}"
    # A network alias that never changes: running servers keep finding the hub when its container is replaced.
    hub.hub_connect_ip = settings.hub_name
    hub.cleanup_servers = False
    hub.db_url = f"sqlite:///{state}/jupyterhub.sqlite"
    hub.db_kwargs = {"connect_args": {"timeout": 15}}
    # A newer JupyterHub upgrades the database; the copy made before the change is the way back.
    hub.upgrade_db = True
    hub.cookie_secret_file = str(Path(settings.secrets_folder) / "cookie_secret")
    hub.template_paths = [str(folder) for folder in TEMPLATES]
    hub.concurrent_spawn_limit = settings.concurrent_spawns
    hub.last_activity_interval = 60
    hub.log_level = settings.log_level
    # How many each person may have is decided by the roster; see servers.permission.
    hub.allow_named_servers = True
    # With this token the keeper asks servers what runs in them; it allows nothing else.
    hub.services = [{"name": KEEPER, "api_token": secrets.token_hex(32)}]
    hub.load_roles = [{"name": KEEPER, "services": [KEEPER], "scopes": ["access:servers"]}]
    if settings.box_image:
        # The front asks by addresses of its own, for which it needs no scope.
        hub.services.append({"name": FRONT, "api_token": secret(settings, TOKEN_FILE)})

    if settings.sharing:
        # Names of others can be asked for, so that a server can be shared with one of them.
        hub.extra_user_scopes = ["shares!user", "read:users:name"]

    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = settings.proxy_api_url
    c.ConfigurableHTTPProxy.auth_token = secret(settings, "proxy_token")

    hub.authenticator_class = methods.configure(c, settings)
    hub.template_vars = {
        "has_password_page": settings.authenticator in ("firstuse", "native"),
        "has_signup_page": settings.authenticator == "native",
    }
    c.RosterGate.roster_file = str(Path(settings.public_folder) / "roster.json")
    c.RosterGate.roster_copy = str(roster_copy)

    hub.spawner_class = LabSpawner
    c.LabSpawner.cmd = ["jupyterhub-singleuser"]
    c.LabSpawner.default_url = "/lab"
    c.LabSpawner.disable_user_config = settings.disable_user_config
    c.LabSpawner.port = 8888
    # The spawner itself waits and explains a failure; these limits only catch what it misses.
    c.LabSpawner.start_timeout = settings.start_timeout_seconds + 60
    # JupyterHub also stops a running server that does not answer for so long after the hub was started anew, which on a
    # host that is busy must not happen to anybody's work.
    c.LabSpawner.http_timeout = 300
    c.LabSpawner.consecutive_failure_limit = 0
    c.LabSpawner.client_kwargs = {"base_url": f"unix://{settings.guard_socket}", "timeout": 120}
    c.LabSpawner.poll_interval = 10

    for snippet in sorted(Path(os.environ.get("LABHUB_CONFIG_D", settings.config_folder)).glob("*.py")):
        exec(compile(snippet.read_text(), str(snippet), "exec"), {"c": c, "settings": settings})  # noqa: S102
