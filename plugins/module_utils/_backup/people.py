# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the backups hold of one person, and bringing it back beside what is there, by the person's name."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .._common import exchange, tree
from .model import INCOMPLETE, MANIFEST, ROSTER, SettingsError, staged
from .restic import Repository, RepositoryError, made
from .restore import as_of, fetch
from .world import World

RESTORED = "/var/lib/labserver/restored"
"""Where databases and dumps are laid for whoever looks at them; only root may look."""
SHOWN = 20


@dataclass(frozen=True)
class Person:
    """Somebody of the roster, also who left."""

    name: str
    system_name: str
    home: str


@dataclass(frozen=True)
class Version:
    """What one backup has at a path. ``size`` in bytes and ``entries`` are 0 for what it is not.

    ``kind`` is ``file``, ``dir`` or another of restic's, empty when the backup does not hold the path; ``changed`` is
    the time of its last change (ISO 8601).
    """

    id: str
    made: str
    complete: bool
    kind: str = ""
    size: int = 0
    entries: int = 0
    changed: str = ""


def find(world: World, repo: Repository, name: str) -> Person:
    """Return the person of a login name or an account's name, by the host's roster, else by that of the last backup.

    Raises SettingsError when nobody is called so.
    """
    roster = world.json(ROSTER)
    if not roster or not _matching(roster, name):
        snapshots = repo.snapshots()
        if snapshots:
            roster = saved_json(world, repo, snapshots[-1]["id"], ROSTER) or roster
    found = _matching(roster or {}, name)
    if found is None:
        names = sorted((roster or {}).get("users", {}))
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise SettingsError(
            f"nobody is called {name!r} here; there are {', '.join(names[:SHOWN]) or 'no people at all'}{more}"
        )
    return found


def _matching(roster: Mapping[str, Any], name: str) -> Person | None:
    for login, user in roster.get("users", {}).items():
        if name in (login, user.get("system_name")):
            return Person(login, str(user.get("system_name") or login), str(user["home"]))
    return None


def saved_json(world: World, repo: Repository, snapshot: str, path: str) -> dict[str, Any] | None:
    """Return an exchange file as a backup has it; None when it is not in there. Raises SettingsError when damaged."""
    try:
        return exchange.parse(repo.call("dump", snapshot, str(world.at(path))).out, path)
    except RepositoryError:
        return None
    except exchange.ExchangeError as error:
        raise SettingsError(f"in the backup {snapshot[:8]}: {error}") from None


def choose(repo: Repository, snapshot: str, moment: str) -> dict[str, Any]:
    """Return the snapshot of an id, of a date or before, or the latest. Raises SettingsError."""
    snapshots = repo.snapshots()
    wanted = as_of(snapshots, moment) if moment else snapshot
    if not snapshots:
        raise SettingsError("there is no backup of this host yet")
    if wanted == "latest":
        return snapshots[-1]
    fitting = [found for found in snapshots if str(found["id"]).startswith(wanted)]
    if len(fitting) != 1:
        raise SettingsError(f"no backup of this host has the id {wanted}; labserver backup list shows them")
    return fitting[0]


def within(person: Person, path: str) -> str:
    """Return the absolute path of something in a person's home; raises SettingsError for what is not in it."""
    full = os.path.normpath(f"{person.home}/{path}" if not path.startswith("/") else path)
    if PurePosixPath(person.home) not in PurePosixPath(full).parents:
        raise SettingsError(
            f"{path}: is not in the home of {person.name} ({person.home}); labserver backup-restore brings back other "
            "paths"
        )
    return full


def versions(world: World, repo: Repository, path: str) -> list[Version]:
    """Return what each backup has at a path, oldest first."""
    return [_version(world, repo, snapshot, path) for snapshot in repo.snapshots()]


def _version(world: World, repo: Repository, snapshot: Mapping[str, Any], path: str) -> Version:
    complete = INCOMPLETE not in (snapshot.get("tags") or [])
    place = str(world.at(path))
    nodes = {
        str(node["path"]): node
        for node in repo.call("ls", "--json", snapshot["id"], place).documents()
        if node.get("struct_type") == "node" or node.get("message_type") == "node"
    }
    own = nodes.get(place)
    when = made(snapshot).astimezone().isoformat(timespec="minutes")
    if own is None:
        return Version(str(snapshot["short_id"]), when, complete)
    return Version(
        str(snapshot["short_id"]),
        when,
        complete,
        str(own["type"]),
        int(own.get("size") or 0),
        sum(1 for one in nodes if one != place),
        made({"time": str(own["mtime"])}).astimezone().isoformat(timespec="seconds"),
    )


def stamp(snapshot: Mapping[str, Any]) -> str:
    """Return the time of a backup as a part of a name."""
    return f"{made(snapshot).astimezone():%Y-%m-%d-%H%M}"


def beside_name(name: str, when: str) -> str:
    """Return the name that something brought back gets beside what is there; a file keeps its ending."""
    path = PurePosixPath(name)
    return f"{path.stem}.restored-{when}{path.suffix}"


def bring_home(world: World, repo: Repository, snapshot: Mapping[str, Any], person: Person) -> Path:
    """Bring a home back beside the home; returns where it is. Raises RepositoryError when something is there."""
    place = world.at(person.home)
    target = place.with_name(f"{place.name}.restored-{stamp(snapshot)}")
    _nothing_at(target)
    with_scratch = place.parent / f".labserver-restore-{snapshot['short_id']}"
    try:
        fetch(repo, str(snapshot["id"]), [str(place)], with_scratch)
        (with_scratch / str(place).lstrip("/")).rename(target)
    finally:
        shutil.rmtree(with_scratch, ignore_errors=True)
    return target


def bring_file(world: World, repo: Repository, snapshot: Mapping[str, Any], person: Person, path: str) -> Path:
    """Bring one file or folder of a home back beside itself, or into the next folder above that is still there.

    The person may have put a symbolic link anywhere in the home, so each folder is entered by itself and no link is
    followed. Raises RepositoryError when something is there.
    """
    home = world.at(person.home)
    inside = PurePosixPath(path).relative_to(person.home)
    source = home / inside
    scratch = home.parent / f".labserver-restore-{snapshot['short_id']}"
    folder = os.open(home, tree.FLAGS)
    here = home
    try:
        for part in inside.parts[:-1]:
            try:
                below = os.open(part, tree.FLAGS, dir_fd=folder)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    break  # it is gone, or it is a link now
                raise
            os.close(folder)
            folder, here = below, here / part
        name = beside_name(inside.name, stamp(snapshot))
        _nothing_at(here / name, folder, name)
        fetch(repo, str(snapshot["id"]), [str(source)], scratch)
        os.rename(scratch / str(source).lstrip("/"), name, dst_dir_fd=folder)
        return here / name
    finally:
        os.close(folder)
        shutil.rmtree(scratch, ignore_errors=True)


def bring_elsewhere(world: World, repo: Repository, snapshot: Mapping[str, Any], path: str, target: Path) -> Path:
    """Bring a home or something of it back into an empty folder."""
    if target.exists() and any(target.iterdir()):
        raise RepositoryError(f"{target} is not empty; give another folder")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    fetch(repo, str(snapshot["id"]), [str(world.at(path))], target)
    return target / str(world.at(path)).lstrip("/")


def databases(world: World, repo: Repository, snapshot: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> staged path of each database and dump that a backup has."""
    manifest = saved_json(world, repo, str(snapshot["id"]), MANIFEST) or {}
    found = {Path(path).stem: staged(path) for path in manifest.get("databases", {})}
    return found | {Path(path).name: path for path in manifest.get("dumps", [])}


def bring_database(world: World, repo: Repository, snapshot: Mapping[str, Any], name: str, target: Path | None) -> Path:
    """Bring the copy of a database, or a dump, back into a folder for root alone; returns the file."""
    known = databases(world, repo, snapshot)
    if name not in known:
        raise SettingsError(f"the backup {snapshot['short_id']} has no database {name!r}; it has {_named(known)}")
    folder = target or world.at(RESTORED) / f"{name}-{stamp(snapshot)}"
    file = folder / Path(known[name]).name
    _nothing_at(file)
    scratch = folder / ".labserver-restore"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        fetch(repo, str(snapshot["id"]), [str(world.at(known[name]))], scratch)
        (scratch / str(world.at(known[name])).lstrip("/")).rename(file)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return file


def _named(names: Sequence[str] | Mapping[str, str]) -> str:
    return ", ".join(sorted(names)) or "none at all"


def _nothing_at(path: Path, folder: int | None = None, name: str = "") -> None:
    try:
        os.stat(name or path, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    raise RepositoryError(f"{path} is there already; move it away, or give another place with --to FOLDER")
