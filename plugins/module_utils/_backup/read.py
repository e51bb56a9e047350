# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what the host shows of all that a backup has to hold; what is not there is said, never passed over."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from .._common import files, mounts
from .._common.docker_api import EngineError
from .model import MANIFEST, ROOMS, ROOTS, ROSTER, STATE, TAG, Settings, SettingsError, covers, left_out
from .plan import patterns
from .restic import Repository, RepositoryError
from .sources import Current, Known, Look, Source, known_from, named
from .world import World

REGISTER = "/etc/labserver/accounts/register.json"
COMPLETE = f"{STATE}/complete.json"


def read(world: World, settings: Settings) -> tuple[tuple[Source, ...], tuple[Mapping[str, Any], ...], Current]:
    """Return what the backup has to hold, what other rooms wrote of theirs, and what the host shows of it.

    Raises SettingsError when a file of another room is damaged.
    """
    roster = world.json(ROSTER)
    items = rooms(world)
    volumes, unknown = project_volumes(world, items)
    links = [path for root in ROOTS for path in inner_links(world, root)]
    sources = named(settings, roster or {}, items, volumes, links)
    looks = {source.path: look(world, source.path) for source in sources}
    # An automount that nobody uses is unmounted after a while; whoever looks into it mounts it again.
    waiting = [mount.target for mount in world.mounts() if mount.fstype == "autofs"]
    unwanted = patterns(settings)
    for target in waiting:
        if any(covers(source.path, target) for source in sources) and not left_out(target, unwanted):
            look(world, target)
    current = Current(
        looks=looks,
        mounts=tuple(world.mounts()),  # after the looks
        planned_mounts=mounts.planned(world.root),
        volumes=volumes,
        unknown=tuple(unknown),
        people=roster is not None,
        register=world.at(REGISTER).exists(),
    )
    return sources, items, current


def rooms(world: World) -> tuple[Mapping[str, Any], ...]:
    """Return what other rooms want in the backup, in the order of their files. Raises SettingsError."""
    found: list[Mapping[str, Any]] = []
    for file in sorted(world.at(ROOMS).glob("*.json")):
        data = world.json(f"{ROOMS}/{file.name}")
        try:
            found += [{"name": file.stem, **item} for item in data["items"]]
        except (KeyError, TypeError) as error:
            raise SettingsError(f"{ROOMS}/{file.name} has no list of items; run playbooks/site.yml again") from error
    return tuple(found)


def project_volumes(world: World, items: Iterable[Mapping[str, Any]]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the folders of the volumes of each Compose project by name, and what could not be asked.

    The volumes with the project's label, and all others that its containers mount (``external: true``).
    """
    found: dict[str, dict[str, str]] = {}
    unknown = []
    for item in items:
        project = item.get("compose_project")
        if not project:
            continue
        only = {"label": [f"com.docker.compose.project={project}"]}
        try:
            volumes = world.engine.get("/volumes", filters=only)["Volumes"] or []
            containers = world.engine.get("/containers/json", all="true", filters=only) or []
        except EngineError as error:
            unknown.append(f"the volumes of {item['name']} are not in this backup: {error}")
            continue
        mine = {volume["Name"]: volume["Mountpoint"] for volume in volumes}
        mine |= {
            mount["Name"]: mount["Source"]
            for container in containers
            for mount in container.get("Mounts") or []
            if mount.get("Type") == "volume" and mount.get("Name") and mount.get("Source")
        }
        found[project] = mine
    return found, unknown


def inner_links(world: World, root: str) -> list[str]:
    """Return the symbolic links right below a folder: restic saves a link, not what it leads to."""
    try:
        with os.scandir(world.at(root)) as entries:
            return sorted(f"{root}/{entry.name}" for entry in entries if entry.is_symlink())
    except OSError:
        return []


def look(world: World, path: str) -> Look:
    """Return what there is at a path."""
    place = world.at(path)
    try:
        # The last part of the path may be a link; links above it are followed by restic as well.
        link = "/" + os.path.realpath(place).removeprefix(str(world.root)).lstrip("/") if place.is_symlink() else ""
        if not place.is_dir():
            return Look(there=place.exists(), link=link)
        with os.scandir(place) as entries:
            return Look(empty=next(entries, None) is None, link=link)
    except OSError:
        return Look(there=place.exists())


def read_known(world: World, repo: Repository, settings: Settings) -> Known | None:
    """Return what the last complete backup had.

    Without the file of this host (it was lost, say) the repository is asked: the manifest of the last complete snapshot
    has the same, with the numbers of the one before.
    """
    known = known_from(world.state(COMPLETE))
    if known is not None or not repo.snapshots(complete=True):
        return known
    try:
        done = repo.call("dump", "--host", settings.host, "--tag", TAG, "latest", str(world.at(MANIFEST)))
        return known_from(json.loads(done.out).get("known"))
    except (RepositoryError, ValueError, AttributeError):
        return None


def write_known(world: World, known: Known) -> None:
    """Keep what a complete backup had, for the next ones."""
    files.replace(world.at(COMPLETE), json.dumps(known.as_dict(), indent=1).encode(), 0o600)
