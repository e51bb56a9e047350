# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver backup``: make a backup, list what there is of a person, bring one home, file or database back.

``labserver backup`` alone makes a backup. What is brought back lies beside what is there; nothing is overwritten unless
``--in-place`` names this host, and then what was there is moved aside.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._common import job, run_lock, sizes
from .._common.docker_api import EngineError
from . import people, run
from .model import INCOMPLETE, SettingsError
from .restic import Repository, RepositoryError, made
from .restore import restore_in_place
from .world import World

ARCHIVES = "/srv/labserver/accounts/archive"


def main(argv: Sequence[str]) -> int:
    """Return 0 (well), 1 (a warning), 2 (failed, and said why) or 3 (busy)."""
    if not argv or argv[0] not in COMMANDS:
        return run.main(argv)
    options = _parser().parse_args(argv)
    world = World()
    try:
        settings = world.settings()
        repo = world.repository(settings)
        repo.open()
        lines, document = COMMANDS[options.command](world, repo, options)
    except (SettingsError, RepositoryError, EngineError, OSError) as error:
        sys.stderr.write(f"labserver backup {options.command}: {error}\n")
        return job.CRITICAL
    sys.stdout.write(
        json.dumps({"version": 1, **document}, indent=1) + "\n" if options.json else "\n".join(lines) + "\n"
    )
    return job.OK


Told = tuple[list[str], dict[str, Any]]


def _list(world: World, repo: Repository, options: argparse.Namespace) -> Told:
    if not options.person:
        snapshots = repo.snapshots()
        rows = [
            {
                "id": str(one["short_id"]),
                "made": made(one).astimezone().isoformat(timespec="minutes"),
                "complete": INCOMPLETE not in (one.get("tags") or []),
            }
            for one in snapshots
        ]
        names = sorted(people.databases(world, repo, snapshots[-1])) if snapshots else []
        lines = [_line(row) for row in rows] or ["there is no backup of this host yet"]
        return [*lines, f"databases and dumps: {', '.join(names) or 'none'}"], {"backups": rows, "databases": names}
    person = people.find(world, repo, options.person)
    path = people.within(person, options.path) if options.path else person.home
    found = people.versions(world, repo, path)
    archives = archived(world, person.name)
    lines = [path, *_told(found)]
    lines += [f"archive of the home: {file}" for file in archives]
    return lines, {"person": person.name, "path": path, "backups": [asdict(one) for one in found], "archives": archives}


def _told(found: Sequence[people.Version]) -> list[str]:
    lines, before = [], None
    for one in found:
        content = (one.kind, one.size, one.changed)
        if not one.kind:
            what = "not in this backup"
        elif one.kind == "dir":
            what = f"{one.entries} entries, last changed {one.changed}"
        else:
            what = f"{sizes.text(one.size)}, last changed {one.changed}"
            what += " (as in the backup before)" if content == before else ""
        lines.append(f"{_line(asdict(one))}  {what}")
        before = content
    return lines or ["there is no backup of this host yet"]


def _line(row: Mapping[str, Any]) -> str:
    return f"{row['id']}  {row['made']}" + ("" if row["complete"] else "  (something is missing)")


def archived(world: World, name: str) -> list[str]:
    """Return the archives of a person's home that lie on this host; they are in the backups as well."""
    found = []
    for file in sorted(world.at(ARCHIVES).glob("*.json")):
        facts = world.state(f"{ARCHIVES}/{file.name}") or {}
        if isinstance(facts, dict) and facts.get("user") == name:
            found.append(f"{ARCHIVES}/{file.name.removesuffix('.json')}")
    return found


def _home(world: World, repo: Repository, options: argparse.Namespace) -> Told:
    person = people.find(world, repo, options.person)
    return _bring(world, repo, options, person.home, lambda one: people.bring_home(world, repo, one, person))


def _file(world: World, repo: Repository, options: argparse.Namespace) -> Told:
    person = people.find(world, repo, options.person)
    path = people.within(person, options.path)
    return _bring(world, repo, options, path, lambda one: people.bring_file(world, repo, one, person, path))


def _bring(
    world: World,
    repo: Repository,
    options: argparse.Namespace,
    path: str,
    beside: Callable[[Mapping[str, Any]], Path],
) -> Told:
    host = repo.settings.host
    if options.in_place and options.in_place != host:
        raise SettingsError(
            f"--in-place {options.in_place}: this host is {host}; give its name to say that you mean it"
        )
    snapshot = people.choose(repo, options.snapshot, options.as_of)
    run_lock.working()
    aside = ""
    if options.in_place:
        parent = str(Path(path).parent)
        if os.path.realpath(parent) != parent:
            raise SettingsError(f"{parent} leads through a symbolic link; bring it back beside, without --in-place")
        aside = restore_in_place(
            repo, world.engine, str(snapshot["id"]), path, world.now().strftime("%Y%m%dT%H%M%SZ"), _progress
        )
        where = world.at(path)
    elif options.to:
        where = people.bring_elsewhere(world, repo, snapshot, path, options.to)
    else:
        where = beside(snapshot)
    lines = [f"{path} of {people.stamp(snapshot)} is {where} now"]
    lines += [f"what was there is {aside} now"] if aside else []
    return lines, {"backup": snapshot["short_id"], "path": path, "restored": str(where), "aside": aside}


def _database(world: World, repo: Repository, options: argparse.Namespace) -> Told:
    snapshot = people.choose(repo, options.snapshot, options.as_of)
    file = people.bring_database(world, repo, snapshot, options.name, options.to)
    return [f"{options.name} of {people.stamp(snapshot)} is {file} now"], {
        "backup": snapshot["short_id"],
        "database": options.name,
        "restored": str(file),
    }


COMMANDS: dict[str, Callable[[World, Repository, argparse.Namespace], Told]] = {
    "list": _list,
    "home": _home,
    "file": _file,
    "database": _database,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="labserver backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="what there is: all backups, or those of a person or a path in the home")
    listing.add_argument("person", nargs="?", default="", help="login name")
    listing.add_argument("path", nargs="?", default="", help="a file or folder in the home")
    home = commands.add_parser("home", help="bring a person's home back, beside the home")
    home.add_argument("person", help="login name")
    file = commands.add_parser("file", help="bring one file or folder of a home back, beside itself")
    file.add_argument("person", help="login name")
    file.add_argument("path", help="path in the home")
    database = commands.add_parser("database", help="bring the copy of a database or a dump back, for root alone")
    database.add_argument("name", help="such as passwords, jupyterhub or usage; labserver backup list names them")
    for command in (home, file, database):
        which = command.add_mutually_exclusive_group()
        which.add_argument("--snapshot", default="latest", metavar="ID", help="of the list (default: the latest)")
        which.add_argument("--as-of", default="", metavar="DATE", help="the last of a day or moment, or before")
    for command in (home, file):
        place = command.add_mutually_exclusive_group()
        place.add_argument("--to", type=Path, metavar="FOLDER", help="an empty folder to put it in")
        place.add_argument("--in-place", default="", metavar="HOST", help="the name of this host: in the place of it")
    database.add_argument("--to", type=Path, metavar="FOLDER", help="a folder to put it in")
    for command in (listing, home, file, database):
        command.add_argument("--json", action="store_true", help="for programs")
    return parser


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
