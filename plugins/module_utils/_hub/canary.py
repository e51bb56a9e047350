# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The canary of a new hub: what it is made of.

Before people get a new hub, guard and proxy, these run on a private network with the new configuration and a copy of
the hub's state. A person of its own, in no roster but the canary's, logs in and starts a server there. Here is what its
files and containers hold; ``canary_run`` makes and removes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import labels

ROOM = "hub-canary"
"""Label of its containers: no room takes them for the hub."""
NETWORK = "labserver-hub-canary"
HUB, PROXY, GUARD = "labserver-hub-canary", "labserver-hub-canary-proxy", "labserver-hub-canary-guard"
PREFIX = "labserver-hub-canary-"
"""Before the names of its servers: the people's guard refuses to touch what is called so, and its guard all else."""
PERSON = labels.CANARY
UID = 64109
PROXY_UID = 65534
API_PORT = 8081
MEMORY_BYTES = 1 << 30
NOT_WRITTEN = ("public_folder", "usage_file", "status_file", "published_file", "container_prefix")
"""Settings that every hub knows and the role leaves as they are."""


@dataclass(frozen=True)
class Folders:
    """Where the canary's files lie, the same on host and in containers."""

    base: Path = Path("/var/lib/labserver/hub-canary")

    @property
    def home(self) -> Path:
        """The home of its person."""
        return self.base / "home" / PERSON


@dataclass(frozen=True)
class Images:
    """References of the new images."""

    hub: str
    proxy: str


def settings(wanted: Mapping[str, Any], folders: Folders) -> dict[str, Any]:
    """Return ``hub.json`` for the canary: the new one, but for where things are and whom it may touch.

    Passwords of other methods than the hub's own are known to nobody here, so its person logs in with one of the hub's.
    """
    base = folders.base
    own = {
        "hub_name": HUB,
        "network": NETWORK,
        "container_prefix": PREFIX,
        "proxy_api_url": f"http://{PROXY}:8001",
        "public_folder": str(base / "public"),
        "usage_file": str(base / "usage.json"),
        "status_file": str(base / "status.json"),
        "published_file": str(base / "published.json"),
        "secrets_folder": str(base / "secrets"),
        "config_folder": str(base / "config.d"),
        "state_folder": str(base / "state"),
        "links_folder": str(base / "links"),
        "guard_socket": str(base / "guard" / "docker.sock"),
        "isolation_socket": "",  # its network has no way out, and nobody else is in it
        "homes_folders": [str(folders.home.parent)],
        "authenticator": "firstuse",
        "login": {},
        "password_record": str(base / "password-store.json"),
        "gpus": [],
        "culling_enabled": False,
        "runs_per_person": 0,
        "builds_per_person": 0,
    }
    # A key that the new hub does not know would keep it from starting.
    known = {*wanted, *NOT_WRITTEN}
    return {**wanted, **{key: value for key, value in own.items() if key in known}}


def roster(document: Mapping[str, Any], folders: Folders) -> dict[str, Any]:
    """Return the roster with the canary's person, who is in every group, so that any image may be started."""
    person = {
        "system_name": f"jupyter-{PERSON}",
        "uid": UID,
        "gid": UID,
        "full_name": "",
        "home": str(folders.home),
        "shell": "/bin/bash",
        "groups": sorted(document.get("groups") or {}),
        "admin": False,
        "state": "present",
        "expires": None,
        "limits": {"memory_bytes": MEMORY_BYTES},
    }
    return {**document, "users": {**document["users"], PERSON: person}}


def accounts(text: str, folders: Folders) -> str:
    """Return ``passwd`` with the canary's person."""
    return f"{text.rstrip()}\njupyter-{PERSON}:x:{UID}:{UID}::{folders.home}:/bin/bash\n"


def bodies(images: Images, folders: Folders, catalogue: str, uid: int, base_url: str) -> dict[str, dict[str, Any]]:
    """Return the containers by name, in the order in which they start; like those of ``roles/hub/tasks/deploy.yml``."""
    base, environment = str(folders.base), [f"LABHUB_SETTINGS={folders.base}/hub.json"]
    read_only = [f"{base}:{base}:ro", f"{catalogue}:{catalogue}:ro"]
    own = [f"{base}/{name}:{base}/{name}" for name in ("guard", "links")]
    hub = f"http://{HUB}:{API_PORT}"
    return {
        GUARD: {
            "Image": images.hub,
            "Cmd": ["python", "-m", "labhub.guard"],
            "User": f"0:{uid}",
            "Env": environment,
            **_host([*read_only, *own, "/run:/host/run:ro"], 256 << 20, "none"),
        },
        PROXY: {
            "Image": images.proxy,
            "Cmd": [
                "--ip=0.0.0.0",
                "--port=8000",
                "--api-ip=0.0.0.0",
                "--api-port=8001",
                f"--default-target={hub}",
                f"--error-target={hub}{base_url}hub/error",
                "--log-level=warn",
            ],
            **_host([f"{base}/proxy:/etc/labserver/proxy:ro"], 512 << 20, NETWORK),
        },
        HUB: {
            "Image": images.hub,
            "Env": environment,
            **_host([*read_only, *own[:1], f"{base}/state:{base}/state"], 2 << 30, NETWORK),
        },
    }


def _host(binds: Iterable[str], memory: int, network: str) -> dict[str, Any]:
    return {
        "Labels": {labels.ROOM: ROOM},
        "HostConfig": {
            "Binds": list(binds),
            "NetworkMode": network,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": memory,
            "PidsLimit": 512,
            "Tmpfs": {"/tmp": ""},  # noqa: S108 (inside the container)
        },
    }


def text(document: Mapping[str, Any]) -> bytes:
    """Return a JSON file."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
