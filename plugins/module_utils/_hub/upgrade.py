# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upgrade of a server would change, as a page that is read before it: versions, people, names, room.

Reads alone: containers, Docker, the hub's database, the list of packages as the last ``apt update`` left it.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._common import exchange, process
from .._common.docker_api import DockerEngine, EngineError
from .servers import inspect, running

COMMAND_SECONDS = 60.0
NEEDED_BYTES = 3 << 30
"""Images of hub and proxy, what their build leaves for the next one, and copies of the database."""
ENGINE = ("docker.io", "docker-ce", "containerd", "containerd.io", "runc")
ASK_HUB = (
    "import importlib.metadata as m, json, platform; print(json.dumps({n: m.version(n) for n in "
    "('jupyterhub', 'dockerspawner')} | {'python': platform.python_version()}))"
)
ASK_PROXY = (
    "console.log(JSON.stringify({'configurable-http-proxy': "
    "require('/opt/chp/node_modules/configurable-http-proxy/package.json').version, node: process.versions.node}))"
)
SERVER_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
"""JupyterHub 6, ``slugs.is_valid_safe_slug``; older ones took any name."""

Run = Callable[[Sequence[str]], process.Done]


def call(command: Sequence[str]) -> process.Done:
    """Run a command of the host, in English."""
    return process.call(command, COMMAND_SECONDS, environment={"LC_ALL": "C"})


@dataclass(frozen=True)
class World:
    """The host: its engine, its files below ``root``, and how commands are run."""

    engine: DockerEngine
    root: Path = Path("/")
    run: Run = call
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free


@dataclass(frozen=True)
class Package:
    """A package of the host that has a newer version."""

    name: str
    now: str
    then: str


@dataclass(frozen=True)
class Current:
    """What there is. ``engine`` and ``versions`` are empty for what does not run; ``images`` are those people start."""

    system: str
    engine: str
    live_restore: bool
    versions: Mapping[str, str]
    people: tuple[str, ...]
    users: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    database: str
    """Why the hub's database cannot be read; empty when it can, and when there is none."""
    images: tuple[str, ...]
    packages: tuple[Package, ...]
    free_bytes: int
    has_backup: bool


@dataclass(frozen=True)
class Plan:
    """``lines`` to read, and ``problems``: what keeps the upgrade from being begun."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def read(world: World) -> Current:
    """Look at the host; changes nothing. Raises OSError when a command cannot be run at all."""
    engine, live_restore = _engine(world)
    users, named, trouble = _names(world.root / "srv/labserver/hub/state/jupyterhub.sqlite")
    docker = world.root / "var/lib/docker"
    return Current(
        system=_system(world.root / "etc/os-release"),
        engine=engine,
        live_restore=live_restore,
        versions={
            **_asked(world, "labserver-hub", ["python", "-c", ASK_HUB]),
            **_asked(world, "labserver-hub-proxy", ["node", "-e", ASK_PROXY]),
        },
        people=tuple(server.user for server in running(world.engine)) if engine else (),
        users=users,
        named=named,
        database=trouble,
        images=ready_images(world.root / "var/lib/labserver/catalogue/images.json"),
        packages=parse_upgrades(world.run(["apt-get", "-s", "-o", "Debug::NoLocking=1", "upgrade"]).output.decode()),
        free_bytes=world.free_bytes(docker if docker.exists() else world.root),
        has_backup=(world.root / "etc/labserver/jobs.d/backup.json").exists(),
    )


def _engine(world: World) -> tuple[str, bool]:
    try:
        return str(world.engine.get("/version")["Version"]), world.engine.get("/info").get("LiveRestoreEnabled") is True
    except EngineError:
        return "", False


def _asked(world: World, container: str, command: Sequence[str]) -> dict[str, str]:
    try:
        if inspect(world.engine, container) is None:
            return {}
    except EngineError:
        return {}
    done = world.run(["docker", "exec", container, *command])
    try:
        return {str(key): str(value) for key, value in json.loads(done.output).items()}
    except (ValueError, AttributeError):
        return {}


def _system(path: Path) -> str:
    try:
        found = re.search(r'^PRETTY_NAME="?([^"\n]*)', path.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else "an unknown system"


def _names(database: Path) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...], str]:
    if not database.exists():
        return (), (), ""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            if (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                return (), (), str(said)
            users = tuple(str(row[0]) for row in connection.execute("SELECT name FROM users ORDER BY name"))
            query = "SELECT users.name, spawners.name FROM spawners JOIN users ON users.id = spawners.user_id"
            named = tuple((str(who), str(name)) for who, name in connection.execute(query) if name)
    except sqlite3.Error as error:
        return (), (), str(error)
    return users, named, ""


def ready_images(path: Path) -> tuple[str, ...]:
    """Return the images that people can start, with the day of their making; none where the list is not there.

    Raises ExchangeError for a list that is damaged or of another release.
    """
    try:
        images = exchange.parse(path.read_bytes(), str(path))["images"]
    except FileNotFoundError:
        return ()
    except KeyError:
        raise exchange.ExchangeError(f"{path} has no list of images; {exchange.HINT}") from None
    return tuple(
        f"{one.get('repository')}:{one.get('tag')} of {str(one.get('created') or 'an unknown day')[:10]}"
        for one in images
        if one.get("state") == "ready"
    )


def parse_upgrades(said: str) -> tuple[Package, ...]:
    """Return the packages that ``apt-get -s upgrade`` would install in a newer version."""
    found = re.findall(r"^Inst (\S+) \[([^\]]+)\] \((\S+)", said, re.MULTILINE)
    return tuple(Package(*one) for one in sorted(set(found)))


def refused_users(names: Sequence[str]) -> list[str]:
    """Return the names with which nobody could log in (JupyterHub 6.1, ``Authenticator.validate_username``)."""
    return [
        name
        for name in names
        if not name
        or "/" in name
        or set(name) == {"."}
        or set(urllib.parse.unquote(name)) == {"."}
        or name != name.strip()
    ]


def refused_servers(named: Sequence[tuple[str, str]]) -> list[str]:
    """Return the named servers, as ``user/name``, that JupyterHub 6 renames at its first start."""
    return [f"{who}/{name}" for who, name in named if not SERVER_NAME.fullmatch(name) or "--" in name]


def compare(current: Current, wanted: Mapping[str, str], custom: Sequence[str] = ()) -> Plan:
    """Return what is read before an upgrade.

    ``wanted`` are the versions of this release by name, ``custom`` names the inputs with images of the lab's own, whose
    versions nobody knows before they run.
    """
    lines = [current.system]
    for name, then in wanted.items():
        now = current.versions.get(name, "")
        lines.append(f"{name} {now or 'is not here'}" + (" stays" if now == then else f" -> {then}"))
    lines += [f"{name} names an image of the lab's own: its versions are known when it runs" for name in custom]
    lines.append(f"images: {', '.join(current.images) or 'none yet'}; those that this release builds are built anew")
    lines += _host(current)
    if names := refused_users(current.users):
        lines.append(
            f"names that JupyterHub refuses, so that these people cannot log in: {', '.join(map(repr, names))}"
        )
    if servers := refused_servers(current.named):
        lines.append(f"named servers that JupyterHub 6 renames: {', '.join(servers)}")
    lines.append(
        f"running servers: {', '.join(current.people)}; all go on. While the proxy is exchanged, pages lose their "
        "connection for some seconds and come back to it by themselves"
        if current.people
        else "running servers: none"
    )
    return Plan(tuple(lines), tuple(_problems(current)))


def _host(current: Current) -> list[str]:
    engine = [one for one in current.packages if one.name in ENGINE]
    lines = [f"Docker {current.engine or 'does not answer'}"]
    if engine:
        what = ", ".join(f"{one.name} {one.now} -> {one.then}" for one in engine)
        whom = ", ".join(current.people) or "nobody now"
        lines[0] += f"; apt upgrade brings {what}: " + (
            "servers go on meanwhile (live-restore)" if current.live_restore else f"this stops the servers of {whom}"
        )
    others = [one.name for one in current.packages if one.name not in ENGINE]
    lines.append(
        f"other packages of the host with a newer version, by the last apt update: {len(others)}"
        + (f" ({', '.join(others[:8])}{', ...' if len(others) > 8 else ''})" if others else "")
        + "; an upgrade of the lab server does not touch them"
    )
    lines.append(
        "a backup is made first"
        if current.has_backup
        else "no backup is set up: of what this changes, the hub's database alone is copied"
    )
    return lines


def _problems(current: Current) -> list[str]:
    found = []
    if current.database:
        found.append(f"the hub's database cannot be read: {current.database}; restore it first (docs/howto/restore.md)")
    if not current.engine:
        found.append("Docker does not answer: systemctl status docker")
    if current.free_bytes < NEEDED_BYTES:
        free = f"{current.free_bytes / (1 << 30):.1f} GiB"
        found.append(
            f"/var/lib/docker has {free} free, an upgrade needs {NEEDED_BYTES >> 30} GiB (docs/howto/disk-full.md)"
        )
    return found
