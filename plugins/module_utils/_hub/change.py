# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing the hub while people work: try the configuration, note who works, keep a way back, look again afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._common import files as common_files
from .._common import probe, sqlite_copy
from .._common.docker_api import DockerEngine, EngineError

SNAPSHOTS_KEPT = 10
SERVER_LABEL = "org.labserver.room=hub-server"
USER_LABEL = "org.labserver.user"
SETTLE_SECONDS = 2.0
"""The hub listens a moment before it compares its routes with the proxy's; looking earlier would see the old ones."""
HOPELESS_RESTARTS = 3


@dataclass(frozen=True)
class Server:
    """A person's server as it runs: ``identity`` and ``started`` stay the same as long as nobody touches it."""

    user: str
    container: str
    identity: str
    started: str


@dataclass(frozen=True)
class Files:
    """The hub's configuration as text: ``hub.json`` and the snippets, in their order."""

    settings: str
    snippets: tuple[str, ...]

    def write(self, folder: Path, group: int = -1) -> None:
        """Write the files below ``folder``; others in its config.d go.

        Snippets may hold secrets (tokens of services, for instance): besides root only the hub's ``group`` reads them.
        """
        configs = folder / "config.d"
        configs.mkdir(mode=0o755, parents=True, exist_ok=True)
        configs.chmod(0o755)
        names = set()
        for index, snippet in enumerate(self.snippets, start=1):
            names.add(f"{index:02d}.py")
            common_files.replace(configs / f"{index:02d}.py", snippet.encode(), 0o640, group=group)
        for path in configs.glob("*.py"):
            if path.name not in names:
                path.unlink()
        _replace(folder / "hub.json", self.settings)

    @classmethod
    def read(cls, folder: Path) -> Files:
        """Return what is installed; empty texts for what is missing."""
        path = folder / "hub.json"
        snippets = tuple(file.read_text() for file in sorted((folder / "config.d").glob("*.py")))
        return cls(path.read_text() if path.exists() else "", snippets)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(path)


def running_servers(api: DockerEngine) -> list[Server]:
    """Return the people's servers that run now, by name."""
    filters = {"label": [SERVER_LABEL], "status": ["running"]}
    found = []
    for one in api.get("/containers/json", filters=filters):
        state = api.get(f"/containers/{one['Id']}/json")
        found.append(
            Server(
                user=state["Config"]["Labels"][USER_LABEL],
                container=state["Name"].removeprefix("/"),
                identity=state["Id"],
                started=state["State"]["StartedAt"],
            )
        )
    return sorted(found, key=lambda server: server.user)


def find(api: DockerEngine, path: str) -> dict[str, Any] | None:
    """Return what Docker shows below a path, None when there is no such thing."""
    try:
        found: dict[str, Any] = api.get(path)
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    return found


def inspect(api: DockerEngine, name: str) -> dict[str, Any] | None:
    """Return a container as Docker shows it, None when there is none."""
    return find(api, f"/containers/{name}/json")


def needs_change(container: Mapping[str, Any] | None, wanted_hash: str) -> bool:
    """Tell whether the running hub is another one than the wanted one."""
    if container is None or not container["State"]["Running"]:
        return True
    return bool((container["Config"].get("Labels") or {}).get("org.labserver.config") != wanted_hash)


def trial_body(image: str, uid: int, folder: str, staged: str) -> dict[str, Any]:
    """Return the throwaway container that loads the staged configuration. It has no network."""
    return {
        "Image": image,
        "User": f"{uid}:{uid}",
        "Cmd": ["python", "-m", "labhub.trial"],
        "Env": ["LABHUB_SETTINGS=/trial/hub.json", "LABHUB_CONFIG_D=/trial/config.d"],
        "Labels": {"org.labserver.room": "hub"},
        "HostConfig": {
            "Binds": [
                f"{folder}/secrets:{folder}/secrets:ro",
                f"{staged}:/trial:ro",
            ],
            "Tmpfs": {"/tmp": ""},  # noqa: S108 (inside the container)
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": 512 << 20,
        },
    }


def snapshot(database: Path, folder: Path, stamp: str) -> Path | None:
    """Copy the hub's database as it is at one moment (SQLite's own way); returns the copy, None without a database."""
    if not database.exists():
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = folder / f"{stamp}.sqlite"
    sqlite_copy.copy(database, copy, timeout=30)
    copy.chmod(0o600)
    for old in sorted(folder.glob("*.sqlite"))[:-SNAPSHOTS_KEPT]:
        if old != copy:  # the clock may have been put back
            old.unlink()
    return copy


def schema(database: Path) -> str:
    """Return the version of the database's schema; empty when it has none."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.DatabaseError, TypeError):
        return ""


def answers(url: str, timeout: float = 3.0) -> bool:
    """Tell whether a Jupyter server answers below ``url`` (and not the hub in its place)."""
    try:
        return "version" in json.loads(probe.get(url, timeout)[1])
    except (OSError, ValueError, TypeError):
        return False


def healthy(url: str, timeout: float = 3.0) -> bool:
    """Tell whether the hub answers."""
    try:
        return probe.get(url, timeout)[0] == 200
    except OSError:
        return False


@dataclass(frozen=True)
class Look:
    """What was found after a change. ``lost`` names servers with the reason."""

    hub: bool
    kept: int
    of: int
    lost: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether the hub answers and nobody lost anything."""
        return self.hub and not self.lost

    def sentence(self) -> str:
        """Return the result in words."""
        hub = "the hub answers" if self.hub else "the hub does not answer"
        lost = f"; lost: {', '.join(self.lost)}" if self.lost else ""
        kept = f"{self.kept} of {self.of} servers kept" if self.of else "no server was running"
        return f"{kept}, {hub}{lost}"


def look(
    servers: list[Server],
    state_of: Callable[[str], Mapping[str, Any] | None],
    base: str,
    *,
    seconds: float,
    hopeless: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
    is_healthy: Callable[[str], bool] = healthy,
    is_answering: Callable[[str], bool] = answers,
) -> Look:
    """Wait until the hub and all servers answer through the proxy, at most ``seconds``; returns how it stands then.

    A hub that is ``hopeless`` is not waited for: people have none in the meantime.
    """
    pause, waited = 0.5, 0.0
    while not is_healthy(f"{base}hub/health") and waited < seconds:
        if hopeless():
            waited = seconds
            break
        sleep(pause)
        waited += pause
    sleep(SETTLE_SECONDS)
    while True:
        hub = is_healthy(f"{base}hub/health")
        lost = []
        for server in servers:
            state = state_of(server.identity)
            if state is None or not state["State"]["Running"]:
                lost.append(f"{server.user} (stopped)")
            elif state["State"]["StartedAt"] != server.started:
                lost.append(f"{server.user} (started anew)")
            elif not is_answering(f"{base}user/{urllib.parse.quote(server.user, safe='@~')}/api"):
                lost.append(f"{server.user} (not reached)")
        if (hub and not lost) or waited >= seconds:
            return Look(hub, len(servers) - len(lost), len(servers), tuple(lost))
        sleep(pause)
        waited += pause


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
    files: Files
    copy: str
    servers: tuple[Server, ...]

    def document(self) -> dict[str, Any]:
        """Return this as data, for the result of a module."""
        return {
            "containers": [{"name": name, "was": was} for name, was in self.containers.items()],
            "settings": self.files.settings,
            "snippets": list(self.files.snippets),
            "copy": self.copy,
            "servers": [asdict(server) for server in self.servers],
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Former:
        """Return what ``document`` made data of; an empty document is a lab without a hub."""
        return cls(
            {one["name"]: one["was"] for one in document.get("containers") or []},
            Files(document.get("settings") or "", tuple(document.get("snippets") or [])),
            document.get("copy") or "",
            tuple(Server(**one) for one in document.get("servers") or []),
        )


def go_back(api: DockerEngine, former: Former, *, folder: Path, group: int = -1, database: Path) -> list[str]:
    """Put the former containers in the place of the new ones, with their configuration; returns which.

    A container that the change did not get to is left alone. The database is put back only when the new hub changed its
    schema: otherwise it knows of servers that the copy does not.
    """
    former.files.write(folder, group)
    wrong = []
    for name, was in former.containers.items():
        now = inspect(api, name)
        if was is not None and (now is None or now["Id"] != was["Id"] or not now["State"]["Running"]):
            wrong.append(name)
            if now is not None:
                api.request("DELETE", f"/containers/{name}", query={"force": "1"})
    if former.copy and schema(Path(former.copy)) != schema(database):
        _restore(Path(former.copy), database)
    for name in wrong:
        identity = api.request("POST", "/containers/create", body_of(former.containers[name] or {}), {"name": name})[
            "Id"
        ]
        api.request("POST", f"/containers/{identity}/start")
    return wrong


def _restore(copy: Path, database: Path) -> None:
    """Put a copy in the place of the database, in one step."""
    new = database.with_name(f".{database.name}.new")
    shutil.copyfile(copy, new)
    status = copy.stat()  # a snapshot belongs to the hub
    new.chmod(0o600)
    os.chown(new, status.st_uid, status.st_gid)
    # What a hub that was killed has not finished would be applied to the copy.
    for rest in ("-journal", "-wal", "-shm"):
        database.with_name(database.name + rest).unlink(missing_ok=True)
    new.replace(database)


def announce(path: Path, until: str) -> None:
    """Tell the people that the hub is being changed; what never is taken back ends by itself at the time ``until``."""
    text = "The hub is being updated. Running servers are not touched; starting one may have to wait a minute."
    _replace(
        path, json.dumps({"version": 1, "announcements": [{"text": text, "severity": "info", "until": until}]}) + "\n"
    )
