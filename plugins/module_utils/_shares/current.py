# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The current state: what the host has, read without looking into any mounted share."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._common import exchange
from .._common.mounts import Mount
from .model import CREDENTIALS, MOUNTED, ROSTER, File, Share, drop_in
from .world import Folder, World

FSTAB = "/etc/fstab"


@dataclass(frozen=True)
class Current:
    """What was found.

    ``folders`` has parents and mount points that no mount covers; ``paths`` says what stands where people look: absent,
    ``link:TARGET``, empty (a folder), full (a folder with content), mounted or other. ``leftovers`` are folders below
    the root of the shares, ``full`` those of them that hold files of their own. ``recorded`` is what the last run noted
    of each share: ``fingerprint`` of its mount, ``path``, and ``limits`` (not empty when the file system knows no ACLs
    or no immutable folders). ``former_roots`` are folders that held the shares before ``shares_root`` was changed.
    """

    fstab: bytes
    mounts: tuple[Mount, ...]
    files: Mapping[str, File | None]
    folders: Mapping[str, Folder | None]
    paths: Mapping[str, str]
    leftovers: tuple[str, ...]
    recorded: Mapping[str, Mapping[str, str]]
    salt: str
    automounts: bool
    full: tuple[str, ...] = ()
    former_roots: tuple[str, ...] = ()

    def at(self, target: str) -> list[Mount]:
        """Return the mounts at a path, the lowest first."""
        return [mount for mount in self.mounts if mount.target == target]


def read(world: World, root: str, shares: Iterable[Share], files: Iterable[str]) -> Current:
    """Read all that a plan for these shares and files needs."""
    shares = list(shares)
    mounts = world.mounts()
    covered = {mount.target for mount in mounts}
    recorded = read_json(world, MOUNTED)
    notes = recorded.get("shares", {})
    credentials = [f"{CREDENTIALS}/{name}" for name in _names(world, CREDENTIALS)]
    folders = [folder for share in shares for folder in (share.parent, share.mount_point)]
    paths = {share.path for share in shares} | {note.get("path", "") for note in notes.values()} - {""}
    former = tuple(one for one in recorded.get("roots", []) if one != root)
    leftovers = tuple(f"{one}/{name}" for one in (root, *former) for name in _names(world, one))
    drop_ins = [drop_in(one)[0] for one in former]
    return Current(
        fstab=world.read(FSTAB) or b"",
        mounts=mounts,
        files={path: _file(world, path) for path in {*files, *credentials, *drop_ins}},
        folders={folder: world.folder(folder) for folder in folders if folder not in covered},
        paths={
            **{path: "mounted" if path in covered else _what_stands(world, path) for path in paths},
            **{share.source: _what_stands(world, share.source) for share in shares if share.kind == "local"},
            **{
                share.mount_point: _what_stands(world, share.mount_point)
                for share in shares
                if share.mount_point not in covered
            },
        },
        leftovers=leftovers,
        recorded=notes,
        salt=recorded.get("salt", ""),
        automounts=world.automounts(),
        full=tuple(folder for folder in leftovers if _holds_files(world, folder, covered)),
        former_roots=former,
    )


def group_ids(world: World) -> dict[str, int]:
    """Return the gids of the lab's groups and of the host's own; the roster wins.

    Raises ExchangeError when there is a roster that cannot be read: its groups must not be taken for the host's.
    """
    result: dict[str, int] = {}
    for line in (world.read("/etc/group") or b"").decode(errors="replace").splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[2].isdigit():
            result.setdefault(fields[0], int(fields[2]))
    roster = world.read(ROSTER)
    if roster is not None:
        groups = exchange.parse(roster, ROSTER).get("groups", {})
        result.update({name: int(group["gid"]) for name, group in groups.items()})
    return result


def read_json(world: World, path: str) -> dict[str, Any]:
    """Read a JSON file that holds an object; anything else counts as empty."""
    try:
        value = json.loads(world.read(path) or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _file(world: World, path: str) -> File | None:
    content = world.read(path)
    return None if content is None else File(content, world.mode(path) or 0)


def _names(world: World, folder: str) -> list[str]:
    try:
        return sorted(entry.name for entry in world.at(folder).iterdir() if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _holds_files(world: World, folder: str, covered: set[str]) -> bool:
    """Whether there is anything in the folder of a share, or in its mount point while nothing is mounted there."""
    if folder in covered:
        return False
    point = f"{folder}/files"
    beneath = point not in covered and _what_stands(world, point) in ("full", "other")
    return beneath or bool(set(_names(world, folder)) - {"files"})


def _what_stands(world: World, path: str) -> str:
    place = world.at(path)
    try:
        mode = place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    if stat.S_ISLNK(mode):
        return f"link:{place.readlink()}"
    if stat.S_ISDIR(mode):
        return "full" if any(place.iterdir()) else "empty"
    return "other"
