# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drill's trial: the hub's own image, without network, opens the restored databases and checks a password.

The only passwords that a host knows are one-time passwords that nobody used yet; one of them is tried where there is
one that was not changed since the backup.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import process
from .._common.docker_api import EngineError
from .model import DATABASES, staged
from .world import World

HUB = "labserver-hub"
ONE_TIME = "/var/lib/labserver/one-time-passwords.csv"
HUB_DATABASE, STORE = DATABASES[:2]
SECONDS = 120.0
# In the hub's image. JupyterHub refuses a database whose schema is not that of its release.
TRIAL = """
import json, sys
asked, said = json.load(sys.stdin), {}
if asked.get("database"):
    from jupyterhub import orm
    try:
        session = orm.new_session_factory("sqlite:///" + asked["database"])()
        said["people"] = session.query(orm.User).count()
    except Exception as error:
        said["error"] = f"{type(error).__name__}: {error}"[:300]
if asked.get("hash"):
    import bcrypt
    said["password"] = bcrypt.checkpw(asked["password"].encode(), asked["hash"].encode())
print(json.dumps(said))
"""
Call = Callable[[Sequence[str], bytes], process.Done]


@dataclass(frozen=True)
class Known:
    """Somebody whose password is known to root, and the hash of it in the restored store."""

    name: str
    password: str
    hash: str


def call(argv: Sequence[str], stdin: bytes) -> process.Done:
    """Run a command with a limit of time."""
    return process.call(argv, SECONDS, stdin=stdin)


def known(lines: str, restored: Mapping[str, tuple[str, bool]], live: Mapping[str, tuple[str, bool]]) -> Known | None:
    """Return somebody to try. ``restored`` and ``live`` are stores: name -> hash, and whether it is a one-time one."""
    for row in csv.DictReader(io.StringIO(lines)):
        entry = restored.get(row.get("name") or "")
        if entry is not None and entry[1] and live.get(row["name"]) == entry:
            return Known(row["name"], row["password"], entry[0])
    return None


def read_store(store: Path) -> dict[str, tuple[str, bool]]:
    """Return name -> hash, and whether it is a one-time password; nothing when it is no store."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT name, hash, one_time FROM passwords ORDER BY name").fetchall()
    except sqlite3.Error:
        return {}
    return {name: (hashed, bool(one_time)) for name, hashed, one_time in rows}


def attempt(world: World, folder: Path, manifest: Mapping[str, Any], run: Call = call) -> tuple[str, list[str]]:
    """Try what was restored below ``folder``; returns a line for people (empty: there is no hub) and what is wrong."""
    if HUB_DATABASE not in manifest["databases"]:
        return "", []
    try:
        image = str(world.engine.get(f"/containers/{HUB}/json")["Image"])
    except EngineError as error:
        if error.status == 404:
            return "", []
        return "", [f"the restored databases could not be tried: {error}"]
    database, store = (folder / staged(path).lstrip("/") for path in (HUB_DATABASE, STORE))
    try:
        lines = world.at(ONE_TIME).read_text(encoding="utf-8")
    except OSError:
        lines = ""
    someone = known(lines, read_store(store), read_store(world.at(STORE)))
    asked = {"database": f"/restored/{database.name}"} | (
        {"password": someone.password, "hash": someone.hash} if someone else {}
    )
    argv = ["docker", "run", "--rm", "--interactive", "--network", "none", "--cap-drop", "ALL", "--memory", "512m"]
    argv += ["--volume", f"{database.parent}:/restored", "--entrypoint", "python", image, "-c", TRIAL]
    return verdict(run(argv, json.dumps(asked).encode()), someone)


def verdict(done: process.Done, someone: Known | None) -> tuple[str, list[str]]:
    """Return what the trial said, for people, and what is wrong. All pure."""
    if done.status:
        return "", [f"the restored databases could not be tried in the hub's image: {done.words[-300:]}"]
    said = json.loads(done.output.decode("utf-8", "replace").strip().splitlines()[-1])
    if "error" in said:
        return "", [f"JupyterHub cannot use the restored database: {said['error']}"]
    if someone is not None and not said.get("password"):
        return "", [f"the one-time password of {someone.name} does not open the restored password store"]
    tried = f"{someone.name} could log in" if someone else "no password is known here that could be tried"
    return f"JupyterHub opened its database (people: {said['people']}), {tried}", []
