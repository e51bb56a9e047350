# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Compose app should look like on a host: its project folder, byte by byte, and how it is watched."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._common.labels import CONFIG_SHA256, ROOM

ENV_FILE = ".env"
OVERRIDE_FILE = "labserver.override.json"  # JSON is YAML: read by Compose, written without a YAML library
SECRETS_FOLDER = "secrets"
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./:@%+=,-]*")


@dataclass(frozen=True)
class Secret:
    """A secret in a file of its own; ``value`` None means: generate once on the host and keep."""

    name: str
    value: str | None = None
    length: int = 32
    uid: int = 0
    mode: int = 0o600
    environment: str = ""  # also written to .env under this name, for apps that read no file


@dataclass(frozen=True)
class Health:
    """An address on the host that must answer with ``status`` before the app counts as up."""

    url: str
    status: int = 200
    validate_certs: bool = True


@dataclass(frozen=True)
class Dump:
    """A command run in a service's container before a change; its standard output is kept on the host."""

    service: str
    command: tuple[str, ...]
    keep: int = 3


@dataclass(frozen=True)
class File:
    """One file of the project folder. ``secret``: its content never appears in a diff or a result."""

    content: bytes
    mode: int = 0o600
    uid: int = 0
    secret: bool = False


@dataclass(frozen=True)
class App:
    """One entry of the list of apps."""

    name: str
    state: str = "present"
    files: Mapping[str, File] = field(default_factory=dict)
    compose_files: tuple[str, ...] = ("compose.yaml",)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # service -> Docker networks of the host
    health: Health | None = None
    dump: Dump | None = None
    pull: str = "missing"
    wait_seconds: int = 300
    rollback: bool = True
    data_uid: int = -1  # numeric owner and group of the data folder; -1: as it is
    data_gid: int = -1

    def owns_data(self, uid: int, gid: int) -> bool:
        """Tell whether the data folder has to get another owner or group than these."""
        return self.data_uid not in (-1, uid) or self.data_gid not in (-1, gid)


def from_params(params: Mapping[str, Any]) -> App:
    """Build an app from one item of the module's ``apps`` (already checked by the argument spec)."""
    health, dump = params.get("health") or {}, params.get("dump") or {}
    return App(
        name=params["name"],
        state=params["state"],
        files={
            item["path"]: File(base64.b64decode(item["content"]), int(item["mode"], 8))
            for item in params.get("files") or []
        },
        compose_files=tuple(params["compose_files"]),
        environment={key: as_text(value) for key, value in (params.get("environment") or {}).items()},
        secrets=tuple(
            Secret(
                item["name"], item.get("value"), item["length"], item["uid"], int(item["mode"], 8), item["environment"]
            )
            for item in params.get("secrets") or []
        ),
        networks={service: tuple(names) for service, names in (params.get("networks") or {}).items()},
        health=Health(health["url"], health["status"], health["validate_certs"]) if health else None,
        dump=Dump(dump["service"], tuple(dump["command"]), dump["keep"]) if dump else None,
        pull=params["pull"],
        wait_seconds=params["wait_seconds"],
        rollback=params["rollback"],
        data_uid=-1 if params.get("data_uid") is None else params["data_uid"],
        data_gid=-1 if params.get("data_gid") is None else params["data_gid"],
    )


def as_text(value: Any) -> str:
    """Write an environment value as YAML people mean it: true and false in small letters, null as nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def env_line(name: str, value: str) -> str:
    """Return ``NAME=value`` so that Compose reads back exactly ``value``, dollars and quotes included."""
    if PLAIN_VALUE.fullmatch(value):
        return f"{name}={value}"
    if "'" not in value and "\\" not in value and "\n" not in value:
        return f"{name}='{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
    return f'{name}="{escaped}"'


def secret_values(app: App, kept: Mapping[str, bytes], generate: Callable[[int], str]) -> dict[str, str]:
    """Return the value of every secret: the inventory's, else the kept one, else a new one of ``length`` bytes."""
    values = {}
    for secret in app.secrets:
        if secret.value is not None:
            values[secret.name] = secret.value
        elif secret.name in kept:
            values[secret.name] = kept[secret.name].decode()
        else:
            values[secret.name] = generate(secret.length)
    return values


def project_files(app: App, folder: str, data_folder: str, secrets: Mapping[str, str]) -> dict[str, File]:
    """Return all files of the project folder but the override, which needs the resolved project.

    ``.env`` makes a plain ``docker compose`` in that folder work for the administrator, with every overlay.
    """
    files = dict(app.files)
    variables = {
        "COMPOSE_PROJECT_NAME": app.name,
        "COMPOSE_FILE": ":".join([*app.compose_files, OVERRIDE_FILE]),
        "LABSERVER_FOLDER": folder,
        "LABSERVER_DATA": data_folder,
        **app.environment,
    }
    lines = [env_line(name, value) for name, value in variables.items()]
    secret_lines = [env_line(s.environment, secrets[s.name]) for s in app.secrets if s.environment]
    files[ENV_FILE] = File("\n".join([*lines, *secret_lines, ""]).encode(), 0o600)
    for secret in app.secrets:
        path = f"{SECRETS_FOLDER}/{secret.name}"
        files[path] = File(secrets[secret.name].encode(), secret.mode, secret.uid, secret=True)
    return files


def override(
    app: App, folder: str, services: Mapping[str, Mapping[str, Any]], hashes: Mapping[str, str] | None = None
) -> bytes:
    """Return the overlay: the secrets as files, the hash label of each service, the host's networks.

    ``services`` are the resolved ones (needed to keep a service's own networks when others are added).
    """
    document: dict[str, Any] = {"services": {}}
    if app.secrets:
        document["secrets"] = {s.name: {"file": f"{folder}/{SECRETS_FOLDER}/{s.name}"} for s in app.secrets}
    for name, service in services.items():
        entry: dict[str, Any] = {}
        if hashes is not None:
            entry["labels"] = {CONFIG_SHA256: hashes[name], ROOM: "compose_app"}
        extra = app.networks.get(name, ())
        if extra:
            own = service.get("networks") or {"default": None}
            entry["networks"] = {**{network: own[network] for network in own}, **dict.fromkeys(extra)}
        if entry:
            document["services"][name] = entry
    external = sorted({network for networks in app.networks.values() for network in networks})
    if external:
        document["networks"] = {network: {"external": True, "name": network} for network in external}
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
