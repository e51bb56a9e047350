# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the old hub's own Python for its people and passwords: it alone is sure to have the backend of its store."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from .model import Passwords, People

HASH = re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}")
# Opens everything for reading only. Python 3.6, as in old images.
PROBE = r"""
import dbm, json, os, sqlite3, sys, time
asked = json.loads(sys.argv[1])
told = {"versions": {}, "store": "", "passwords": {}, "problems": [], "database": ""}
told.update({"users": {}, "groups": {}, "running": []})
try:
    from importlib.metadata import version
    for name in asked["packages"]:
        try:
            told["versions"][name] = version(name)
        except Exception:
            pass
except ImportError:
    pass
for path in asked["stores"]:
    there = os.path.isfile(path), any(map(os.path.exists, (path + ".db", path + ".pag"))), os.path.exists(path + ".dat")
    if sum(there) > 1:
        told["problems"].append("files of %d backends lie at %s; keep the right one" % (sum(there), path))
    try:
        kind = dbm.whichdb(path)
    except Exception as error:
        kind = ""
    if kind is None:
        continue
    if told["store"]:
        told["problems"].append("there are two stores, %s and %s" % (told["store"], path))
        break
    told["store"] = path
    for attempt in range(20):
        try:
            store = dbm.open(path, "r")
            for key in store.keys():
                told["passwords"][key.decode()] = store[key].decode()
            store.close()
            break
        except Exception as error:
            problem = "%s cannot be read (%s: %s)" % (path, type(error).__name__, error)
            if "unavailable" not in str(error).lower():
                told["problems"].append(problem)
                break
            time.sleep(0.1)
    else:
        told["problems"].append(problem)
for path in asked["databases"]:
    if not os.path.exists(path):
        continue
    told["database"] = path
    try:
        base = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=5)
        told["users"] = {name: bool(admin) for name, admin in base.execute("SELECT name, admin FROM users") if name}
        for group, name in base.execute("SELECT groups.name, users.name FROM user_group_map"
                                        " JOIN groups ON groups.id = group_id JOIN users ON users.id = user_id"):
            told["groups"].setdefault(group, []).append(name)
        told["running"] = [row[0] for row in base.execute(
            "SELECT DISTINCT users.name FROM spawners JOIN users ON users.id = user_id WHERE server_id IS NOT NULL")]
        base.close()
    except Exception as error:
        told["problems"].append("%s cannot be read (%s)" % (path, error))
    break
print(json.dumps(told))
"""


def question(stores: Sequence[str], databases: Sequence[str]) -> list[str]:
    """Return the words that come after the name of a Python."""
    asked = {"packages": ["the-littlest-jupyterhub", "jupyterhub"], "stores": [*stores], "databases": [*databases]}
    return ["-c", PROBE, json.dumps(asked)]


def answer(output: str) -> dict[str, Any]:
    """Return what the probe printed; raises ValueError for anything else."""
    told = json.loads(output.strip().splitlines()[-1] if output.strip() else "")
    if not isinstance(told, dict):
        raise ValueError("the old hub's Python did not answer as asked")
    return told


def passwords(told: dict[str, Any]) -> Passwords:
    """Return the store; whatever is not a bcrypt hash makes it unreadable as a whole."""
    problems = [str(text) for text in told["problems"]]
    hashes = {str(name): str(value) for name, value in told["passwords"].items()}
    wrong = sorted(name for name, value in hashes.items() if not HASH.fullmatch(value))
    if wrong:
        problems.append(f"{told['store']} holds something that is no bcrypt hash for {', '.join(wrong[:5])}")
    return Passwords(str(told["store"]), hashes, tuple(problems))


def people(told: dict[str, Any]) -> People:
    """Return the people of the hub's database."""
    return People(
        users=frozenset(map(str, told["users"])),
        admins=frozenset(str(name) for name, admin in told["users"].items() if admin),
        groups={str(group): frozenset(map(str, names)) for group, names in told["groups"].items()},
        running=frozenset(map(str, told["running"])),
    )
