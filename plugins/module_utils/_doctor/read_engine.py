# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what the Docker engine and its containers are, over the engine's API and the containers' own view of files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .._common import labels, mounts
from .._common.docker_api import EngineError
from .handle import REMOTE, World
from .model import Bind, Container, Engine, Image, Port

DATABASE_IMAGES = ("postgres", "mysql", "mariadb", "mongo", "redis")
BUILDERS: tuple[str, ...] = (
    "#(nop)",
    "buildkit",
    "RUN ",
    "COPY ",
    "ADD ",
    "CMD ",
    "ENTRYPOINT ",
    "ENV ",
    "WORKDIR ",
    "LABEL ",
    "ARG ",
)
BUILDERS += (
    "EXPOSE ",
    "USER ",
    "VOLUME ",
    "/bin/sh -c",
    "/bin/bash -o pipefail -c",
    "SHELL ",
    "HEALTHCHECK ",
    "debian.sh",
)
STORES = ("passwords.dbm", "jupyterhub_cookie_secret", "passwords.sqlite")


def engine(world: World) -> dict[str, Any]:
    """Return the engine and its containers; raises EngineError for an answer in the middle of which it went away."""
    there = any(world.status(path) for path in ("/usr/bin/dockerd", "/usr/sbin/dockerd", "/snap/bin/docker"))
    there = there or world.path("/var/run/docker.sock").exists()
    if not there:
        return {"engine": Engine(there=False, answers=False)}
    try:
        info = world.engine.get("/info")
    except EngineError:
        return {"engine": Engine(there=True, answers=False)}
    registries = info.get("RegistryConfig") or {}
    insecure = [name for name, item in (registries.get("IndexConfigs") or {}).items() if not item.get("Secure", True)]
    insecure += [network for network in registries.get("InsecureRegistryCIDRs") or () if not network.startswith("127.")]
    insecure = [name for name in insecure if name not in ("::1/128",)]
    found = Engine(True, True, bool(info.get("LiveRestoreEnabled")), bool(info.get("SwapLimit", True)), tuple(insecure))
    names = [item["Id"] for item in world.engine.get("/containers/json", all="1")]
    table = world.mounts()
    images: dict[str, Image] = {}

    def one(name: str) -> Container | None:
        try:
            data = world.engine.get(f"/containers/{name}/json")
        except EngineError:
            return None  # it has just gone
        key = str(data.get("Image"))
        if key not in images:
            images[key] = image(world, key)
        return container(world, data, images[key], table)

    with ThreadPoolExecutor(8) as pool:
        seen = [each for each in pool.map(one, names) if each is not None]
    return {"engine": found, "containers": tuple(sorted(seen, key=lambda each: each.name))}


def image(world: World, name: str) -> Image:
    """Return where an image comes from; nothing for one that is gone."""
    try:
        data = world.engine.get(f"/images/{name}/json")
        history = world.engine.get(f"/images/{name}/history")
    except EngineError:
        return Image()
    return Image(
        tuple(data.get("RepoTags") or ()),
        tuple(data.get("RepoDigests") or ()),
        committed(history if isinstance(history, list) else [history]),
    )


def committed(history: list[Mapping[str, Any]]) -> str:
    """Return the command of a layer that docker commit made, nothing where builders made all of them."""
    for layer in history:
        words, comment = str(layer.get("CreatedBy") or ""), str(layer.get("Comment") or "")
        built = "buildkit" in comment or any(mark in words for mark in BUILDERS) or words.startswith("|")
        if words and not built and not comment.startswith("Imported from"):
            return words[:80]
    return ""


def role_of(
    name: str, image_name: str, command: list[str], environment: Mapping[str, str], marks: Mapping[str, str]
) -> str:
    """Return what a container is for, by its label, its command, its image and its Compose service."""
    if marks.get(labels.ROOM) == labels.HUB_SERVERS.partition("=")[2] or environment.get("JUPYTERHUB_USER"):
        return "person"
    base = image_name.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()
    service = marks.get("com.docker.compose.service", "").lower()
    programs = {Path(word).name for word in command[:4]}
    if "configurable-http-proxy" in programs or base in ("configurable-http-proxy", "traefik", "nginx", "caddy"):
        return "proxy"
    if "jupyterhub" in programs or base == "jupyterhub" or service in ("hub", "jupyterhub"):
        return "hub"
    if base in ("registry", "distribution") or service == "registry" or marks.get(labels.ROOM) == "registry":
        return "registry"
    if any(word in base for word in DATABASE_IMAGES):
        return "database"
    return "person" if name.startswith("jupyter-") and "hub" not in base else ""


def container(world: World, data: Mapping[str, Any], built_from: Image, table: tuple[mounts.Mount, ...]) -> Container:
    """Return a container as ``docker inspect`` shows it, and what it sees itself."""
    config, host, state = data.get("Config") or {}, data.get("HostConfig") or {}, data.get("State") or {}
    environment = dict(word.split("=", 1) for word in config.get("Env") or () if "=" in word)
    marks = config.get("Labels") or {}
    name = str(data.get("Name", "")).lstrip("/")
    command = [str(data.get("Path") or ""), *(data.get("Args") or ())]
    role = role_of(name, str(config.get("Image")), command, environment, marks)
    pid = int(state.get("Pid") or 0)
    log = host.get("LogConfig") or {}
    log_seen = world.status(str(data.get("LogPath") or "/nowhere"))
    ports = []
    for key, where in ((data.get("NetworkSettings") or {}).get("Ports") or {}).items():
        for each in where or ():
            ports.append(Port(each.get("HostIp") or "0.0.0.0", int(each["HostPort"]), int(key.partition("/")[0])))  # noqa: S104
    return Container(
        name=name,
        image=str(config.get("Image")),
        role=role,
        running=bool(state.get("Running")),
        health=str((state.get("Health") or {}).get("Status") or ""),
        restarts=int(data.get("RestartCount") or 0),
        restart_policy=str((host.get("RestartPolicy") or {}).get("Name") or ""),
        privileged=bool(host.get("Privileged")),
        user=str(config.get("User") or ""),
        runs_as_root=bool(pid) and _uid(world, pid) == 0 and not {"NB_UID", "NB_USER"} & set(environment),
        network=str(host.get("NetworkMode") or ""),
        pid_mode=str(host.get("PidMode") or ""),
        capabilities=frozenset(str(each).replace("CAP_", "") for each in host.get("CapAdd") or ()),
        binds=binds(world, data.get("Mounts") or (), pid, table),
        ports=tuple(ports),
        memory=int(host.get("Memory") or 0),
        memory_swap=int(host.get("MemorySwap") or 0),
        pids=int(host.get("PidsLimit") or 0),
        log_limited=log.get("Type") != "json-file" or "max-size" in (log.get("Config") or {}),
        log_bytes=0 if log_seen is None else log_seen.st_size,
        labels=marks,
        command=tuple(command),
        pid=pid,
        written=() if role == "person" else written(world, data),
        built_from=built_from,
    )


def _uid(world: World, pid: int) -> int:
    try:
        lines = (world.proc / str(pid) / "status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return -1
    return next((int(line.split()[1]) for line in lines if line.startswith("Uid:")), -1)


def binds(world: World, items: Any, pid: int, table: tuple[mounts.Mount, ...]) -> tuple[Bind, ...]:
    """Return the mounts of a container, and whether it sees there what the host sees."""
    inside: tuple[mounts.Mount, ...] = ()
    if pid:
        try:
            inside = mounts.read(world.proc / str(pid) / "mountinfo")
        except OSError:
            inside = ()
    found = []
    for item in items:
        source, target = str(item.get("Source") or ""), str(item.get("Destination") or "")
        host = mounts.holding(source, table)
        here = mounts.holding(target, inside)
        other = False
        if host and here and host.target == source and host.fstype in REMOTE - {"autofs"}:
            other = here.device != host.device
        found.append(
            Bind(
                source,
                target,
                str(item.get("Type") or "bind"),
                str(item.get("Name") or ""),
                bool(item.get("RW")),
                str(item.get("Propagation") or ""),
                stale=bool(pid) and _replaced(world, source, pid, target),
                other_disk=other,
            )
        )
    return tuple(found)


def _replaced(world: World, source: str, pid: int, target: str) -> bool:
    """Return whether the single file that is mounted is no longer the one of that name on the host."""
    if not source.startswith("/etc/"):
        return False
    try:
        host = world.path(source).stat()
        here = os.stat(f"{world.proc}/{pid}/root{target}")  # noqa: PTH116  # through the process's own root
    except OSError:
        return False
    return (host.st_dev, host.st_ino) != (here.st_dev, here.st_ino)


def written(world: World, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return databases and secrets that lie in the container's own layer."""
    upper = ((data.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir")
    found = []
    if upper:
        for path in world.walk(str(upper), 8):
            inside = path[len(str(upper)) :]
            name = Path(inside).name
            if name.endswith((".sqlite", ".sqlite3")) or name.startswith(STORES):
                found.append(inside)
    else:
        try:
            changes: Any = world.engine.get(f"/containers/{data.get('Id')}/changes") or []
        except EngineError:
            changes = []
        names = [str(item.get("Path")) for item in (changes if isinstance(changes, list) else [changes])]
        found = [path for path in names if path.endswith((".sqlite", ".sqlite3")) or Path(path).name.startswith(STORES)]
    return tuple(sorted(found))
