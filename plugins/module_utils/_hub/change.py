# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing the hub while people work: what was there before is noted, and comes back when the change fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._common import labels
from .._common.docker_api import DockerEngine
from . import database as copies
from .configuration import Configuration
from .servers import Server, inspect

HOPELESS_RESTARTS = 3


def needs_change(container: Mapping[str, Any] | None, wanted_hash: str) -> bool:
    """Tell whether the running hub is another one than the wanted one."""
    if container is None or not container["State"]["Running"]:
        return True
    return bool((container["Config"].get("Labels") or {}).get(labels.CONFIG) != wanted_hash)


def hopeless(now: Mapping[str, Any] | None, was: Mapping[str, Any] | None) -> bool:
    """Tell whether a container has ended again and again by itself since it was ``was``."""
    if now is None:
        return False
    before = int(was.get("RestartCount") or 0) if was is not None and was["Id"] == now["Id"] else 0
    return int(now.get("RestartCount") or 0) - before >= HOPELESS_RESTARTS


def body_of(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that makes a container anew as Docker showed it."""
    body = dict(container["Config"])
    body.pop("Hostname", None)  # Docker's default is the id, which is another one
    body["HostConfig"] = container["HostConfig"]
    endpoints = {}
    for name, network in (container["NetworkSettings"].get("Networks") or {}).items():
        endpoints[name] = {"IPAMConfig": network.get("IPAMConfig"), "Aliases": network.get("Aliases")}
    body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    return body


@dataclass(frozen=True)
class Former:
    """What was there before a change: ``containers`` by name, in the order in which they start (None: no such one)."""

    containers: Mapping[str, Mapping[str, Any] | None]
    configuration: Configuration
    copy: str
    servers: tuple[Server, ...]

    def document(self) -> dict[str, Any]:
        """Return this as data, for the result of a module."""
        return {
            "containers": [{"name": name, "was": was} for name, was in self.containers.items()],
            "settings": self.configuration.settings,
            "snippets": list(self.configuration.snippets),
            "copy": self.copy,
            "servers": [asdict(server) for server in self.servers],
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Former:
        """Return what ``document`` made data of; an empty document is a lab without a hub."""
        return cls(
            {one["name"]: one["was"] for one in document.get("containers") or []},
            Configuration(document.get("settings") or "", tuple(document.get("snippets") or [])),
            document.get("copy") or "",
            tuple(Server(**one) for one in document.get("servers") or []),
        )


def go_back(api: DockerEngine, former: Former, *, folder: Path, group: int = -1, database: Path) -> list[str]:
    """Put the former containers in the place of the new ones, with their configuration; returns which.

    A container that the change did not get to is left alone. The database is put back only when the new hub changed its
    schema: otherwise it knows of servers that the copy does not.
    """
    former.configuration.write(folder, group)
    wrong = []
    for name, was in former.containers.items():
        now = inspect(api, name)
        if was is not None and (now is None or now["Id"] != was["Id"] or not now["State"]["Running"]):
            wrong.append(name)
            if now is not None:
                api.request("DELETE", f"/containers/{name}", query={"force": "1"})
    if former.copy and copies.schema(Path(former.copy)) != copies.schema(database):
        copies.restore(Path(former.copy), database)
    for name in wrong:
        identity = api.request("POST", "/containers/create", body_of(former.containers[name] or {}), {"name": name})[
            "Id"
        ]
        api.request("POST", f"/containers/{identity}/start")
    return wrong
