# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the canary of a new hub: makes its files and containers, visits it, and removes everything again.

People never see it: its network has no way in or out, its database and passwords are copies, and in the copy no server
runs, so it takes no one's for its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._common import clock, files, labels, sqlite_copy
from .._common.docker_api import DockerEngine, EngineError
from . import canary, servers
from .canary import Folders, Images
from .canary_visit import Visit, VisitError
from .configuration import Configuration
from .password_store import PasswordStore
from .upgrade import ready_images

HUB_SECONDS = 90.0
STOP_SECONDS = 30.0
COPIED = ("roster.json", "passwd", "group", "lab.json", "ca-bundle.crt", "ca.crt")
"""Files of the public folder. Not the shares: the canary binds none."""


class CanaryError(Exception):
    """The new hub is not fit for people; the message says why, with the last lines of its log."""


@dataclass(frozen=True)
class World:
    """The host: the engine, where hub and exchange files lie, how a password is hashed and a log is read."""

    engine: DockerEngine
    hash: Callable[[str], str]
    log: Callable[[str], str]
    folder: Path = Path("/etc/labserver/hub")
    database: Path = Path("/srv/labserver/hub/state/jupyterhub.sqlite")
    public: Path = Path("/etc/labserver/public")
    folders: Folders = field(default_factory=Folders)
    uid: int = 64100


def run(world: World, images: Images, wanted: Configuration) -> str:
    """Try a new hub as a person would; returns in words what was tried.

    Raises CanaryError when it is not fit, EngineError or OSError when it cannot be tried.
    """
    document: Mapping[str, Any] = json.loads(wanted.settings)
    catalogue = Path(str(document.get("catalogue_file") or "/var/lib/labserver/catalogue/images.json"))
    clear_up(world)
    try:
        password = prepare(world, wanted, document)
        with _running(world, images, str(catalogue.parent), str(document.get("base_url") or "/")) as base:
            return _visit(world, base, password, document, catalogue)
    finally:
        clear_up(world)


def _visit(world: World, base: str, password: str, document: Mapping[str, Any], catalogue: Path) -> str:
    visit = Visit(base, canary.PERSON)
    login = "a person logged in"
    if document.get("authenticator") != "firstuse":
        login += f" with a password of the hub's own ({document.get('authenticator')} was not asked)"
    try:
        visit.until("the hub does not answer", lambda: _lives(world) and visit.answers(), HUB_SECONDS)
        visit.log_in(password)
        if not ready_images(catalogue):
            return f"{login}; no server was started, since there is no image yet"
        seconds = float(document.get("start_timeout_seconds") or 60) + 30
        version = visit.start(seconds, lambda: _failure(world.folders))
        visit.stop(STOP_SECONDS)
    except VisitError as error:
        log = "".join(f"\nLast lines of {name}:\n{world.log(name)}" for name in (canary.HUB, canary.GUARD))
        raise CanaryError(f"{error}{log}") from error
    return f"{login} and started a server (Jupyter Server {version})"


def _lives(world: World) -> bool:
    """Tell that the canary's containers run; raises VisitError when one ended, since waiting for it helps nobody."""
    for name in (canary.GUARD, canary.PROXY, canary.HUB):
        state = servers.inspect(world.engine, name)
        if state is None or not state["State"]["Running"]:
            raise VisitError(f"the container {name} has ended")
    return True


def _failure(folders: Folders) -> str:
    """Return what the canary's hub says of the last start that failed."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
        lines = (folders.base / "state" / "failures.jsonl").read_text().splitlines()
        return str(json.loads(lines[-1])["sentence"])
    return ""


def prepare(world: World, wanted: Configuration, document: Mapping[str, Any]) -> str:
    """Write the canary's files; returns the password of its person. Raises OSError or sqlite3.Error."""
    base, uid = world.folders.base, world.uid
    _folder(base, 0o755)
    for name, mode, owner, group in (
        ("public", 0o755, 0, 0),
        ("secrets", 0o700, uid, uid),
        ("state", 0o700, uid, uid),
        ("links", 0o755, 0, 0),
        ("guard", 0o750, 0, uid),
        ("proxy", 0o700, canary.PROXY_UID, canary.PROXY_UID),
        ("home", 0o755, 0, 0),
    ):
        _folder(base / name, mode, owner, group)
    _folder(world.folders.home, 0o700, canary.UID, canary.UID)
    Configuration(canary.text(canary.settings(document, world.folders)).decode(), wanted.snippets).write(base, uid)
    for source in (world.folder / "secrets").glob("*"):
        files.replace(base / "secrets" / source.name, source.read_bytes(), 0o600, uid, uid)
    token = secrets.token_hex(32).encode()
    files.replace(base / "secrets" / "proxy_token", token, 0o600, uid, uid)
    files.replace(base / "proxy" / "token", token, 0o600, canary.PROXY_UID, canary.PROXY_UID)
    for name in COPIED:
        if (world.public / name).exists():
            files.replace(base / "public" / name, (world.public / name).read_bytes())
    people = json.loads((world.public / "roster.json").read_bytes())
    files.replace(base / "public" / "roster.json", canary.text(canary.roster(people, world.folders)))
    known = base / "public" / "passwd"
    files.replace(known, canary.accounts(known.read_text() if known.exists() else "", world.folders).encode())
    _copy_database(world.database, base / "state" / "jupyterhub.sqlite")
    return _give_password(world)


def _folder(path: Path, mode: int, owner: int = 0, group: int = 0) -> None:
    path.mkdir()
    os.chown(path, owner, group)
    path.chmod(mode)


def _copy_database(database: Path, copy: Path) -> None:
    """Copy the hub's database; in the copy nobody has a server, so that none is looked for or stopped."""
    if not database.exists():
        return
    sqlite_copy.copy(database, copy, timeout=30)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE spawners SET server_id = NULL")
        connection.commit()


def _give_password(world: World) -> str:
    state, password = world.folders.base / "state", secrets.token_urlsafe(24)
    path, original = state / "passwords.sqlite", world.database.with_name("passwords.sqlite")
    store = PasswordStore(path)
    if original.exists():
        sqlite_copy.copy(original, path, timeout=30)
    else:
        store.create(world.uid, world.uid)
    now = clock.stamp(clock.utc_now())
    store.apply({canary.PERSON: world.hash(password)}, [], now)
    store.change(canary.PERSON, world.hash(password), now)
    files.replace(world.folders.base / "password-store.json", store.record().text().encode())
    return password


@contextlib.contextmanager
def _running(world: World, images: Images, catalogue: str, base_url: str) -> Iterator[str]:
    """Run the containers; yields the address of the canary's hub as this host sees it."""
    world.engine.request(
        "POST",
        "/networks/create",
        {"Name": canary.NETWORK, "Internal": True, "CheckDuplicate": True, "Labels": {labels.ROOM: canary.ROOM}},
    )
    for name, body in canary.bodies(images, world.folders, catalogue, world.uid, base_url).items():
        identity = world.engine.request("POST", "/containers/create", body, {"name": name})["Id"]
        world.engine.request("POST", f"/containers/{identity}/start")
    proxy = world.engine.get(f"/containers/{canary.PROXY}/json")
    address = proxy["NetworkSettings"]["Networks"][canary.NETWORK]["IPAddress"]
    yield f"http://{address}:8000{base_url}"


def clear_up(world: World) -> None:
    """Remove containers, network and files of the canary, also those that a run which died has left."""
    for one in world.engine.get("/containers/json", all=True, filters={"name": [f"^/{canary.HUB}"]}):
        _remove(world.engine, f"/containers/{one['Id']}", force="1", v="1")
    _remove(world.engine, f"/networks/{canary.NETWORK}")
    shutil.rmtree(world.folders.base, ignore_errors=True)


def _remove(engine: DockerEngine, path: str, **query: str) -> None:
    try:
        engine.request("DELETE", path, query=query)
    except EngineError as error:
        if error.status != 404:
            raise
