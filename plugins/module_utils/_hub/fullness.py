# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Homes: how much is in them, and which are nearly full by quota or disk: who is told, and in which words.

The host finds it out, since a person's server cannot ask for a quota; the hub tells it on its pages and in JupyterLab.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._accounts import quota
from .._common import exchange, files, mounts, sizes

TOLD = 0.90
"""From this part on that is used, people are told."""
GRAVE = 0.98
HOLDS = timedelta(minutes=15)
"""So long an announcement holds when it is not renewed: three runs of the job."""
SHOWN = 5
"""So many people are named in one line."""
REMOTE = frozenset({"cifs", "smb3", "nfs", "nfs4", "autofs", "ceph", "9p"})
"""Not asked how full they are: a question to a server that is gone would hang."""
ROSTER, FILE = "etc/labserver/public/roster.json", "etc/labserver/public/fullness.json"


@dataclass(frozen=True)
class Person:
    """Whose home it is."""

    name: str
    uid: int
    home: str


@dataclass(frozen=True)
class Use:
    """What a person keeps in the home, in bytes, as the quota counts it; ``limit`` 0: there is none."""

    used: int
    limit: int


@dataclass(frozen=True)
class Seen:
    """What a look at all homes found: the full ones, the use of each whose use is counted, and by the reason those of
    which nothing is known."""

    full: list[Full]
    uses: dict[str, Use]
    unknown: dict[str, list[Person]]


@dataclass(frozen=True)
class Full:
    """A home that is nearly full, sizes in bytes. ``by_quota``: by the person's own limit; else by the disk of many."""

    name: str
    used: int
    limit: int
    by_quota: bool

    @property
    def part(self) -> float:
        """The part that is used, from 0 to 1 (more is possible where a limit was lowered)."""
        return self.used / self.limit if self.limit else 0.0

    def text(self) -> str:
        """Return what the person reads."""
        left = sizes.text(max(0, self.limit - self.used))
        whose = "Your home is" if self.by_quota else "The disk with the homes is"
        return (
            f"{whose} {min(self.part, 1):.0%} full: {left} of {sizes.text(self.limit)} are left. Delete what you do not"
            " need; when it is full, nothing can be saved."
        )


def people(root: Path) -> list[Person]:
    """Return the people of roster.json who may use the hub; raises OSError, ExchangeError."""
    try:
        document = exchange.parse((root / ROSTER).read_bytes(), "roster.json")
    except FileNotFoundError:
        raise exchange.ExchangeError(f"/{ROSTER} is not there; {exchange.HINT}") from None
    try:
        return [
            Person(name, int(one["uid"]), str(one["home"]))
            for name, one in document["users"].items()
            if one["state"] == "present"
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise exchange.ExchangeError(f"roster.json is damaged ({error!r}); {exchange.HINT}") from error


def is_far(mount: mounts.Mount | None) -> bool:
    """Tell whether a home is on another machine, or on nothing that is known."""
    return mount is None or mount.fstype in REMOTE or mount.fstype.startswith("fuse")


def absent(
    known: Iterable[Person],
    table: Iterable[mounts.Mount],
    planned: Iterable[str] = (),
    is_folder: Callable[[str], bool] = os.path.isdir,
) -> dict[str, list[Person]]:
    """Return whose home is not where it belongs, by the reason; what is there instead says nothing of it.

    ``planned``: the mount points that fstab names.
    """
    mounted, points, found = tuple(table), sorted(planned, key=len), dict[str, list[Person]]()
    there = {mount.target for mount in mounted}
    for person in known:
        point = next((one for one in reversed(points) if mounts.inside(person.home, one)), "")
        if point and point not in there:
            found.setdefault(f"nothing is mounted at {point}, which /etc/fstab names", []).append(person)
        elif not is_far(mounts.holding(person.home, mounted)) and not is_folder(person.home):
            found.setdefault("there is no such folder", []).append(person)
    return found


def look(
    known: Iterable[Person],
    table: Iterable[mounts.Mount],
    quotas_of: Callable[[str], quota.Quotas] = quota.find,
    statvfs: Callable[[str], os.statvfs_result] = os.statvfs,
) -> Seen:
    """Return the homes that are full by ``TOLD`` or more, what people use, and the homes of which nothing is known.

    Of two reasons why a home is full the person's own quota is named.
    """
    mounted, found = tuple(table), Seen([], {}, {})
    asked: dict[str, tuple[quota.Quotas, int, int]] = {}
    for person in known:
        mount = mounts.holding(person.home, mounted)
        if mount is None or is_far(mount):
            continue
        try:
            if mount.target not in asked:
                numbers = statvfs(mount.target)
                free = numbers.f_bavail * numbers.f_frsize
                used = (numbers.f_blocks - numbers.f_bfree) * numbers.f_frsize
                asked[mount.target] = (quotas_of(mount.target), used, used + free)
            quotas, used, size = asked[mount.target]
            spent, limit = quotas.usage(person.uid) if not quotas.reason else (0, 0)
        except OSError as error:
            found.unknown.setdefault(f"{mount.target} cannot be asked: {error}", []).append(person)
            continue
        if not quotas.reason:
            found.uses[person.name] = Use(spent, limit)
        for one in (Full(person.name, spent, limit, True), Full(person.name, used, size, False)):
            if one.part >= TOLD:
                found.full.append(one)
                break
    return found


def warnings(found: Iterable[Full], unknown: Mapping[str, Sequence[Person]] | None = None) -> list[str]:
    """Return sentences for the administrator about people's quotas and homes not looked at; disks have their own."""
    lines = []
    for reason, people in (unknown or {}).items():
        more = f" and {len(people) - SHOWN} more" if len(people) > SHOWN else ""
        lines.append(
            f"{reason}: not known how full the home is of {', '.join(one.name for one in people[:SHOWN])}{more}"
        )
    named = sorted(((one.part, one.name) for one in found if one.by_quota), reverse=True)
    if named:
        told = ", ".join(f"{name} ({min(part, 1):.0%})" for part, name in named)
        lines.append(f"nearly at the quota of the home: {told}")
    return lines


def announcements(found: Iterable[Full], now: datetime) -> list[dict[str, Any]]:
    """Return what fullness.json announces."""
    by_words: dict[tuple[str, str], list[str]] = {}
    for one in found:
        by_words.setdefault((one.text(), "danger" if one.part >= GRAVE else "warning"), []).append(one.name)
    until = (now + HOLDS).isoformat(timespec="seconds")
    return [
        {"text": text, "severity": severity, "until": until, "people": sorted(names)}
        for (text, severity), names in sorted(by_words.items())
    ]


def tell(root: Path, listed: Sequence[Mapping[str, Any]], uses: Mapping[str, Use] | None = None) -> None:
    """Write fullness.json, or remove it when there is nothing to tell."""
    path = root / FILE
    if listed or uses:
        homes = {name: dataclasses.asdict(use) for name, use in sorted((uses or {}).items())}
        document = {"version": 1, "announcements": listed, "homes": homes}
        files.replace(path, (json.dumps(document) + "\n").encode())
    else:
        path.unlink(missing_ok=True)


def attend(root: Path, now: datetime) -> list[str]:
    """Look at all homes and tell their owners; returns sentences for the administrator. Raises OSError, ValueError."""
    known, table = people(root), mounts.read()
    away = absent(known, table, mounts.planned(root))
    gone = {person for persons in away.values() for person in persons}
    found = look([person for person in known if person not in gone], table)
    tell(root, announcements(found.full, now), found.uses)
    return warnings(found.full, away | found.unknown)
