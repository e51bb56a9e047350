# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bare host becomes the server that a repository holds: which backup, what it holds, what stands in the way.

What was begun is written down (``MARK``), so that a run that was killed goes on with the same backup, and so that
nothing is brought back over what people did since.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._common import clock, files, sizes
from .._common.docker_api import EngineError
from .model import ANY, INCOMPLETE, MANIFEST, ROSTER, STATE, SettingsError, covers
from .people import saved_json
from .restic import Repository, made
from .restore import as_of
from .world import World

MARK = f"{STATE}/resurrection.json"
DONE = f"{STATE}/resurrected.json"
DUMPS = "/var/lib/labserver/restored/dumps"
"""Of databases that may not be copied while they are in use; for root alone."""
HEADROOM_BYTES = 1 << 30


@dataclass(frozen=True)
class Desired:
    """Whose backup is wanted (``host``), and which: an id, a date (``moment``), or the latest complete one."""

    host: str
    snapshot: str = ""
    moment: str = ""


@dataclass(frozen=True)
class Saved:
    """A backup of a whole server: ``roots`` are the paths it was made of, ``volumes`` Docker's by project and name.

    ``mounts``: mount point -> type and source on the old server. ``size`` is what it takes on the disk, in bytes.
    """

    id: str
    made: str
    host: str
    roots: tuple[str, ...]
    people: int = 0
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    size: int = 0


@dataclass(frozen=True)
class Current:
    """What the host shows: a file in each root that holds any, bytes free by file system, mount points."""

    occupied: Mapping[str, str] = field(default_factory=dict)
    free: Mapping[int, int] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    volumes_folder: str = ""  # of Docker's volumes, empty without an engine


@dataclass(frozen=True)
class Begun:
    """What an earlier run began here, and whether everything is back (``restored``)."""

    snapshot: str
    host: str
    since: str
    restored: bool = False

    def dump(self) -> bytes:
        """Return the content of the mark."""
        return (json.dumps({"version": 1, **vars(self)}, indent=1) + "\n").encode()


def read_mark(world: World) -> Begun | None:
    """Return what an earlier run began here; None when there is nothing."""
    data = world.state(MARK)
    if not isinstance(data, dict) or data.get("version") != 1:
        return None
    return Begun(str(data["snapshot"]), str(data["host"]), str(data["since"]), bool(data["restored"]))


def write_mark(world: World, mark: Begun) -> None:
    """Note what was begun."""
    world.at(STATE).mkdir(parents=True, exist_ok=True)
    world.at(STATE).chmod(0o700)
    files.replace(world.at(MARK), mark.dump(), 0o600)


def choose(repo: Repository, desired: Desired, own: str) -> dict[str, Any]:
    """Return the wanted backup. ``own`` is the name of this host. Raises SettingsError, with what there is."""
    found = json.loads(repo.call("snapshots", "--json", *ANY).out or "[]") or []
    mine = [one for one in found if one["hostname"] == desired.host]
    if not mine:
        hosts = ", ".join(sorted({str(one["hostname"]) for one in found})) or "no server at all"
        word = (
            f"; this host is {own}, say whose backup it shall become with -e former=NAME" if own == desired.host else ""
        )
        raise SettingsError(f"the repository holds backups of {hosts}, none of {desired.host}{word}")
    if desired.moment or desired.snapshot:
        wanted = as_of(mine, desired.moment) if desired.moment else desired.snapshot
        fitting = [one for one in mine if str(one["id"]).startswith(wanted)]
        if len(fitting) != 1:
            ids = ", ".join(str(one["short_id"]) for one in mine[-10:])
            raise SettingsError(f"no backup of {desired.host} has the id {wanted}; the last ones are {ids}")
        return dict(fitting[0])
    complete = [one for one in mine if INCOMPLETE not in (one.get("tags") or [])]
    if not complete:
        last = mine[-1]
        raise SettingsError(
            f"something is missing in every backup of {desired.host}; the last one is {last['short_id']} of "
            f"{str(last['time'])[:16]}, give -e snapshot={last['short_id']} to take it all the same"
        )
    return dict(complete[-1])


def read_saved(world: World, repo: Repository, snapshot: Mapping[str, Any]) -> tuple[Saved, dict[str, Any]]:
    """Return what a backup holds, and its manifest. Raises SettingsError for one that is not of a whole server."""
    identity = str(snapshot["id"])
    manifest = saved_json(world, repo, identity, MANIFEST)
    if manifest is None:
        raise SettingsError(f"the backup {snapshot['short_id']} has no manifest: it is not of a lab server")
    size = json.loads(repo.call("stats", "--json", "--mode", "restore-size", identity).out)["total_size"]
    roster = saved_json(world, repo, identity, ROSTER) or {}
    known = manifest.get("known") or {}
    saved = Saved(
        identity,
        made(snapshot).astimezone().isoformat(timespec="minutes"),
        str(snapshot["hostname"]),
        tuple(manifest["roots"]),
        len(roster.get("users", {})),
        known.get("volumes") or {},
        known.get("mounts") or {},
        int(size),
    )
    return saved, manifest


def read_current(world: World, saved: Saved) -> Current:
    """Return what the host shows of the places that would be filled."""
    occupied = {root: file for root in saved.roots if (file := first_file(world.at(root)))}
    free = {}
    for root in saved.roots:
        place = world.at(root)
        while not place.exists():
            place = place.parent
        free[place.stat().st_dev] = shutil.disk_usage(place).free
    try:
        folder = f"{world.engine.get('/info')['DockerRootDir']}/volumes"
    except EngineError:
        folder = ""
    return Current(occupied, free, tuple(world.mount_points()), folder)


def first_file(place: Path) -> str:
    """Return something that is no folder at or below a place, empty when there is nothing."""
    if not place.is_dir() or place.is_symlink():
        return str(place) if os.path.lexists(place) else ""
    for folder, names, plain in os.walk(place):
        names[:] = [name for name in names if name != "lost+found"]
        links = [name for name in names if Path(folder, name).is_symlink()]
        if plain or links:
            return os.path.join(folder, (plain or links)[0])  # noqa: PTH118
    return ""


def problems(saved: Saved, current: Current) -> list[str]:
    """Return all that stands in the way, one sentence each."""
    found = []
    if current.occupied:
        some = ", ".join(list(current.occupied.values())[:3])
        found.append(
            f"this host holds data already ({some}); a server is brought back on a bare host only. If nothing of it is "
            f"needed any more, remove {', '.join(list(current.occupied)[:5])} and run this again"
        )
    room = sum(current.free.values())
    if room < saved.size + HEADROOM_BYTES:
        found.append(
            f"the backup of {saved.made} takes {sizes.text(saved.size)} and {sizes.text(HEADROOM_BYTES)} to work with, "
            f"and {sizes.text(room)} are free here"
        )
    return found


def notes(saved: Saved, current: Current) -> list[str]:
    """Return what is worth a word before anything is done."""
    return [
        f"{target} was a file system of its own ({what}) and is none here: what it held lies on the disk above it. The "
        "first backup will say so until you run: labserver backup --accept"
        for target, what in sorted(saved.mounts.items())
        if target not in current.mounts
    ]


def engine_problems(saved: Saved, current: Current) -> list[str]:
    """Return what stands in the way of Docker's volumes, once the engine runs."""
    folders = [folder for found in saved.volumes.values() for folder in found.values()]
    elsewhere = [folder for folder in folders if not covers(current.volumes_folder or "/nowhere", folder)]
    if not elsewhere:
        return []
    return [
        f"a volume was saved from {elsewhere[0]}, and Docker keeps its volumes in "
        f"{current.volumes_folder or 'no folder (it does not answer)'} here; give it the data-root of the old server"
    ]


def end(world: World, mark: Begun) -> None:
    """Note that the server is back; from now on it holds data like any other."""
    files.replace(world.at(DONE), mark.dump(), 0o600)
    world.at(MARK).unlink()


def begun_now(world: World, saved: Saved) -> Begun:
    """Return the mark of a run that begins now."""
    return Begun(saved.id, saved.host, clock.stamp(world.now()))
