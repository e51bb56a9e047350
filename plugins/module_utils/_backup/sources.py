# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup has to hold, and whether the host shows all of it: "is what was named there?", asked in one place.

A source that is not there is never taken for one that is not wanted. What the inventory, the roster or another room
names has to be there; what nobody names by itself (databases of the hub, volumes, file systems) has to be there when
the last complete backup had it. What is missing is a finding with a name, and after a finding nothing is forgotten.
All pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .._common.mounts import Mount
from .._common.sizes import text as size
from .model import DATABASES, REGISTRY_LINKS, ROOTS, ROSTER, Settings, covers, left_out

ACCEPT = 'If that is meant, run "labserver backup --accept" once'
# A snapshot with less than this part of the files or bytes of the last complete one is a finding.
SMALLEST_PART = 0.5
# Below these numbers a difference says nothing.
FEWEST_FILES, FEWEST_BYTES = 50, 10 << 20
ANONYMOUS = re.compile(r"[0-9a-f]{64}")  # name of a volume that nobody named
# Not the file systems of disks: these come and go with programs.
PASSING = ("autofs", "tmpfs", "devtmpfs", "proc", "sysfs", "nsfs", "ramfs")


@dataclass(frozen=True)
class Source:
    """A path that the backup has to hold. ``named_by`` says for people who wants it.

    ``required``: it has to be there; ``missed``: it has to be there when the last complete backup had it.
    """

    path: str
    named_by: str
    required: bool = True
    missed: bool = True


@dataclass(frozen=True)
class Look:
    """A source as the host shows it; ``link`` is where a symbolic link leads in the end."""

    there: bool = True
    empty: bool = False
    link: str = ""


@dataclass(frozen=True)
class Current:
    """What the host shows. ``planned_mounts`` are the mount points of fstab that are mounted at boot.

    ``volumes`` has the volumes of each Compose project (name -> folder); ``unknown`` tells of what could not be asked.
    """

    looks: Mapping[str, Look] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    planned_mounts: tuple[str, ...] = ()
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    people: bool = True  # whether there is a roster
    register: bool = False  # whether there ever were accounts


@dataclass(frozen=True)
class Known:
    """What the last complete backup had. ``files`` and ``bytes`` are 0 when nobody knows."""

    filled: tuple[str, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)  # mount point -> type and source, for people
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    people: bool = False
    files: int = 0
    bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"version": 1, **asdict(self)}


def known_from(data: Any) -> Known | None:
    """Read what :meth:`Known.as_dict` wrote; None when it is something else."""
    if not isinstance(data, dict) or data.get("version") != 1:
        return None
    try:
        return Known(
            filled=tuple(map(str, data["filled"])),
            mounts=dict(data["mounts"]),
            volumes={project: dict(found) for project, found in data["volumes"].items()},
            people=bool(data["people"]),
            files=int(data["files"]),
            bytes=int(data["bytes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def named(
    settings: Settings,
    roster: Mapping[str, Any],
    items: Iterable[Mapping[str, Any]],
    volumes: Mapping[str, Mapping[str, str]],
    inner_links: Iterable[str] = (),
) -> tuple[Source, ...]:
    """Return all that the backup has to hold.

    :param roster: The content of ``public/roster.json``.
    :param items: What other rooms wrote below ``backup.d``; what is ``optional`` there belongs to an app that is gone.
    :param inner_links: Symbolic links right below the roots, which restic does not follow.
    """
    found = [Source(root, "what every server keeps", required=False) for root in ROOTS]
    found += [Source(path, "what every server keeps", required=False) for path in inner_links]
    found += [Source(path, "the hub", required=False) for path in DATABASES]
    if settings.registry:
        found.append(Source(REGISTRY_LINKS, "the registry", required=False))
    found += [Source(path, "backup_paths") for path in settings.paths]
    if settings.homes:
        found += [
            Source(user["home"], f"home of {name}", required=present, missed=present)
            for name, user in sorted(roster.get("users", {}).items())
            for present in [user.get("state") != "absent"]
        ]
    for item in items:
        wanted = not item.get("optional")
        found += [
            # What an app has not written yet is not there; what lies below the roots is missed once it was saved.
            Source(path, item["name"], wanted and not any(covers(root, path) for root in ROOTS), wanted)
            for path in item.get("paths", [])
        ]
        found += [
            Source(folder, f"volume {volume} of {item['name']}", wanted, wanted)
            for volume, folder in sorted(volumes.get(item.get("compose_project", ""), {}).items())
        ]
    return tuple(found)


def remember(sources: Sequence[Source], current: Current, exclude: Sequence[str], files: int, size_bytes: int) -> Known:
    """Return what the next backups are compared with."""
    looks = {source.path: _look(current, source) for source in sources}
    return Known(
        filled=tuple(sorted(path for path, look in looks.items() if look.there and not look.empty)),
        mounts={
            mount.target: f"{mount.fstype} {mount.source}"
            for mount in current.mounts
            if _matters(mount.target, mount.fstype, sources, exclude)
        },
        volumes=current.volumes,
        people=current.people,
        files=files,
        bytes=size_bytes,
    )


def findings(
    settings: Settings,
    sources: Sequence[Source],
    items: Iterable[Mapping[str, Any]],
    current: Current,
    known: Known | None,
    exclude: Sequence[str],
) -> list[str]:
    """Return all that was named and is not there, one text each.

    ``known`` is what the last complete backup had; None when there was none, or when it does not count this time.
    """
    before = known or Known()
    found = list(current.unknown)
    if settings.homes and not current.people and (before.people or current.register):
        found.append(f"{ROSTER} is not there, so nobody's home is in this backup; run playbooks/site.yml")
    found += _mounts(sources, current, before, exclude)
    found += _volumes(items, current, before)
    for source in sources:
        look, what = _look(current, source), f"{source.path} ({source.named_by})"
        if left_out(source.path, exclude):
            continue
        had = source.missed and source.path in before.filled
        if not look.there and source.required:
            found.append(f"{what} is not there")
        elif not look.there and had:
            found.append(f"{what} is not there, and was in the last complete backup. {ACCEPT}")
        elif look.empty and had:
            found.append(f"{what} is empty, and was not in the last complete backup. {ACCEPT}")
    return list(dict.fromkeys(found))


def shrunk(known: Known | None, files: int, size_bytes: int) -> list[str]:
    """Return a finding when a snapshot holds much less than the last complete one."""
    if known is None:
        return []
    fewer = known.files >= FEWEST_FILES and files < SMALLEST_PART * known.files
    smaller = known.bytes >= FEWEST_BYTES and size_bytes < SMALLEST_PART * known.bytes
    if not fewer and not smaller:
        return []
    return [
        f"the snapshot is much smaller ({files} files, {size(size_bytes)}) than the last complete one "
        f"({known.files} files, {size(known.bytes)}). {ACCEPT}"
    ]


def _look(current: Current, source: Source) -> Look:
    return current.looks.get(source.path, Look(there=False))


def _matters(target: str, fstype: str, sources: Sequence[Source], exclude: Sequence[str]) -> bool:
    """Tell whether a file system holds (a part of) a source. What people and containers mount below one goes."""
    if target == "/" or fstype in PASSING or left_out(target, exclude):
        return False
    above = any(covers(target, source.path) for source in sources)
    below = any(covers(source.path, target) for source in sources)
    return above or (below and fstype != "overlay" and not fstype.startswith("fuse."))


def _mounts(sources: Sequence[Source], current: Current, known: Known, exclude: Sequence[str]) -> Iterator[str]:
    mounted = {mount.target for mount in current.mounts if mount.fstype != "autofs"}
    for target, what in known.mounts.items():
        if target not in mounted and _matters(target, "", sources, exclude):
            yield f"nothing is mounted at {target}, where {what} was at the last complete backup. {ACCEPT}"
    for target in current.planned_mounts:
        if target not in mounted and target not in known.mounts and _matters(target, "", sources, exclude):
            yield f"nothing is mounted at {target}, which /etc/fstab names; mount it or take it out there"


def _volumes(items: Iterable[Mapping[str, Any]], current: Current, known: Known) -> Iterator[str]:
    for item in items:
        project = item.get("compose_project", "")
        if item.get("optional") or project not in current.volumes:
            continue  # what could not be asked is a finding already
        for volume in sorted(set(known.volumes.get(project, {})) - set(current.volumes[project])):
            if ANONYMOUS.fullmatch(volume):
                continue  # these change with their container
            yield (
                f"the volume {volume} of {item['name']} is not there, or not used any more, and was in the last "
                f"complete backup. {ACCEPT}"
            )
