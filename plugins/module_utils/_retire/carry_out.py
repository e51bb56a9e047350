# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that no role can go: people are told, the hub is stopped, the last backup is proved, data are deleted.

Each may be repeated, and refuses to be gone before the one that comes first.
"""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from .._common import clock, files, labels, mounts, tree
from .._common.docker_api import EngineError
from . import judge, record, show
from .model import STAGES, Current, Desired, Record, RetireError
from .read import HUB, World, obstacles

PUBLIC = "etc/labserver/public"
NOTICE = f"{PUBLIC}/retirement.json"
FRONT = "labserver-ssh"
"""The way to files from outside, which starts containers as the hub does."""
STOP_SECONDS = 30
UMOUNT_SECONDS = 60.0


def announce(world: World, desired: Desired, current: Current, check: bool = False) -> bool:
    """Tell people on the hub's pages when this server ends and whom they can ask; returns whether that is new."""
    holds = record.effective(current, desired.today)
    notice = {"version": 1, "day": desired.day or desired.today, "contact": desired.contact}
    wanted = replace(holds, stage=holds.stage or "announced", day=str(notice["day"]), contact=desired.contact)
    content = (json.dumps(notice) + "\n").encode()
    path = world.root / NOTICE
    same = wanted == current.record and (not path.parent.is_dir() or (path.exists() and path.read_bytes() == content))
    if not same and not check:
        record.write(world.root, wanted)
        if path.parent.is_dir():  # a server without people has nobody to tell
            files.replace(path, content)
    return not same


def take_back(world: World, _desired: Desired, _current: Current, check: bool = False) -> bool:
    """Take the announcement back; returns whether there was one. Raises RetireError when the server is gone already."""
    known = record.read(world.root)
    if known.stage in ("stopped", "wiped"):
        raise RetireError("the server is out of service already; playbooks/site.yml or resurrect.yml sets it up again")
    there = bool(known.stage) or (world.root / NOTICE).exists()
    if there and not check:
        (world.root / NOTICE).unlink(missing_ok=True)
        (world.root / record.FILE).unlink(missing_ok=True)
    return there


def freeze(world: World, desired: Desired, current: Current, check: bool = False) -> bool:
    """Stop the hub and what people run; returns whether something was to be done.

    The hub goes first, so that it starts nothing anew. Raises RetireError, EngineError.
    """
    holds = _after(record.effective(current, desired.today), "announced")
    if STAGES.index(holds.stage) >= STAGES.index("frozen"):
        return False
    if current.running and not desired.stop_servers:
        raise RetireError(f"servers of {judge.listed(current.running)} run; say retire_stop_servers=true")
    if check:
        return True
    _stop(world, [HUB, FRONT])
    # Those for files too, in which nobody works.
    filters = {"label": [labels.HUB_SERVERS], "status": ["running"]}
    _stop(world, [str(one["Id"]) for one in world.host.engine.get("/containers/json", filters=filters)])
    record.write(world.root, replace(holds, stage="frozen", frozen=clock.stamp(world.host.now())))
    return True


def _stop(world: World, containers: Iterable[str]) -> None:
    for name in containers:
        path = f"/containers/{urllib.parse.quote(name)}/stop"
        try:
            world.host.engine.request("POST", path, query={"t": str(STOP_SECONDS)}, timeout=STOP_SECONDS + 60.0)
        except EngineError as error:
            if error.status != 404:
                raise


def save(world: World, desired: Desired, current: Current, check: bool = False) -> bool:
    """Note the last backup, made after people were out and proved by a drill; returns whether it is new.

    Raises RetireError when it is not complete, older or not proved: then nothing is taken away.
    """
    holds = _after(record.effective(current, desired.today), "frozen")
    if STAGES.index(holds.stage) >= STAGES.index("saved"):
        return False
    backup, last = current.backup, current.backup.last
    if backup.problem or last is None:
        raise RetireError(f"there is no backup of this server: {backup.problem or 'none was made'}")
    if datetime.fromisoformat(last.made) < datetime.fromisoformat(holds.frozen):
        raise RetireError(f"the last backup, {last.id}, is of {last.made[:16]}, from before people were out")
    if not last.complete:
        raise RetireError(f"something is missing in the last backup, {last.id}; labserver status says what")
    if not last.proved:
        raise RetireError(f"no drill has restored of the last backup, {last.id}; labserver status says why")
    missing = judge.unsaved(current, last.paths)
    if desired.wipe and missing and not desired.unsaved:
        raise RetireError(f"the last backup, {last.id}, does not hold {judge.listed(missing)}")
    if not check:
        noted = replace(
            holds,
            stage="saved",
            snapshot=last.id,
            repository=backup.repository,
            targets=current.targets,
            unsaved=missing,
            volumes=current.volumes,
            remains=show.remains(desired, current),
            secrets=current.secrets,
        )
        record.write(world.root, noted)
    return True


def finish(world: World, desired: Desired, current: Current, check: bool = False) -> bool:
    """Note that the roles have taken everything away; returns whether that is new.

    Raises RetireError with what still runs.
    """
    holds = _after(record.effective(current, desired.today), "saved")
    if STAGES.index(holds.stage) >= STAGES.index("stopped"):
        return False
    left = [f"the container {name}" for name in current.containers] + [f"the job {name}" for name in current.jobs]
    if not check:
        if current.unread:
            raise RetireError(f"nobody can tell what still runs: {'; '.join(current.unread)}")
        if left:
            raise RetireError(f"still there: {judge.listed(left)}; remove by hand what the inventory does not name")
        (world.root / NOTICE).unlink(missing_ok=True)
        record.write(world.root, replace(holds, stage="stopped", secrets=current.secrets))
    return True


def wipe(world: World, desired: Desired, current: Current, check: bool = False) -> bool:
    """Delete what the record lists; returns whether something was to be done.

    Nothing on a share or on a part of another disk, and not the repository of the backups. Raises RetireError before
    anything is deleted, OSError and EngineError when something cannot be deleted; the next run goes on.
    """
    holds = _after(record.effective(current, desired.today), "saved" if check else "stopped")
    if holds.stage == "wiped":
        return False
    targets = [target for target in holds.targets if os.path.lexists(world.host.at(target))]
    refused = list(judge.wipe_refusals(desired, current, holds))
    refused += [] if check else list(obstacles(world, targets, after_unmount=True))
    if refused:
        raise RetireError("; ".join(refused))
    if check:
        return True
    for volume in holds.volumes:
        _remove_volume(world, volume)
    for target in targets:
        for inner in _disks_below(world, target):
            _empty(world, inner)
            done = world.run(["umount", inner], UMOUNT_SECONDS)
            if done.status:
                raise RetireError(f"{inner} is empty and cannot be unmounted: {done.words}")
        _delete(world, target)
    record.write(world.root, replace(holds, stage="wiped", secrets=()))
    return True


def _has_record(folder: str) -> bool:
    return mounts.inside(f"/{record.FILE}", folder)


def _disks_below(world: World, target: str) -> list[str]:
    """Return the disks that are mounted below a folder, the innermost first; all other mounts were refused."""
    found = {mount.target for mount in mounts.below(target, world.host.mounts()) if mount.target != target}
    return sorted(found, key=len, reverse=True)


def _delete(world: World, target: str) -> None:
    """Delete a folder or a file; of a link, the link alone. No other file system is entered."""
    place = world.host.at(target)
    if place.is_symlink() or not place.is_dir():
        place.unlink()
    elif _has_record(target) or target in world.host.mount_points():
        _empty(world, target)
    else:
        tree.remove(place)


def _empty(world: World, folder: str) -> None:
    """Delete what is in a folder, but for the record."""
    for entry in sorted(world.host.at(folder).iterdir()):
        if entry == world.root / record.FILE:
            continue
        if entry.is_dir() and not entry.is_symlink():
            tree.remove(entry)
        else:
            entry.unlink()


def _remove_volume(world: World, name: str) -> None:
    try:
        world.host.engine.request("DELETE", f"/volumes/{urllib.parse.quote(name, safe='')}")
    except EngineError as error:
        if error.status != 404:
            raise


def _after(holds: Record, stage: str) -> Record:
    if STAGES.index(holds.stage) < STAGES.index(stage):
        raise RetireError(f"this step comes after {stage!r}, and the server is {holds.stage or 'in service'!r}")
    return holds
