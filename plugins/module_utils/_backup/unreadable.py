# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that restic could not read: those that went away meanwhile are none of our business, others are counted.

A file that programs keep making and removing is no reason for an alarm every night; one that cannot be read three
nights running is. Many of them in one night, or a folder that the backup was told to hold, are one at once. All pure.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from .._common.words import clean

NIGHTS = 3
MANY = 100
GONE = ("no such file or directory", "file does not exist")


@dataclass(frozen=True)
class Trouble:
    """A path that could not be read, and why in the system's words."""

    path: str
    why: str


@dataclass(frozen=True)
class Nights:
    """Since how many nights running a path cannot be read, and the last of them (ISO date)."""

    count: int
    last: str


UNNAMED = Trouble("a file", "restic did not say which")


def troubles(errors: str) -> tuple[Trouble, ...]:
    """Return what restic complained of on its standard error with ``--json``, without what went away meanwhile.

    restic up to 0.16 writes Go's PathError (``{"Op", "Path", "Err"}``, Err a number), later ones ``{"message"}``. The
    last lines can be lost when it ends, so what its scanner said before counts too.
    """
    found = {}
    named = False
    for line in errors.splitlines():
        if not line.startswith("{"):
            continue
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if document.get("message_type") != "error":
            continue
        named = True
        error = document.get("error") or {}
        number = error.get("Err")
        why = errno_words(number) if isinstance(number, int) else str(error.get("message") or "unknown error")
        if number != errno.ENOENT and not why.rstrip().endswith(GONE):
            path = str(document.get("item") or error.get("Path") or "")
            found[path] = Trouble(path, why)
    return tuple(found.values()) if named else (UNNAMED,)


def assumed(found: tuple[Trouble, ...], before: Mapping[str, Nights]) -> tuple[Trouble, ...]:
    """Return the troubles of a night on which restic named none: those of the night before, if there were any."""
    if found != (UNNAMED,) or not before:
        return found
    return tuple(Trouble(path, UNNAMED.why) for path in before)


def errno_words(number: int) -> str:
    """Return the name of an error of the system, such as ``EIO``."""
    return errno.errorcode.get(number, f"error {number}")


def count(troubled: Collection[Trouble], before: Mapping[str, Nights], today: date) -> dict[str, Nights]:
    """Return for each path since how many nights it cannot be read; what can be read again is dropped.

    Several backups of one day count once.
    """
    counted = {}
    for trouble in sorted(troubled, key=lambda trouble: trouble.path)[: 10 * MANY]:
        was = before.get(trouble.path, Nights(0, ""))
        counted[trouble.path] = was if was.last == today.isoformat() else Nights(was.count + 1, today.isoformat())
    return counted


def alarms(troubled: Collection[Trouble], nights: Mapping[str, Nights], sources: Collection[str]) -> list[str]:
    """Return what is an alarm tonight. ``sources`` are the paths that the backup was told to hold."""
    found = [
        f"{clean(trouble.path)} cannot be read ({clean(trouble.why)})"
        for trouble in troubled
        if trouble.path in sources
    ]
    lasting = [
        trouble
        for trouble in troubled
        if trouble.path not in sources and nights.get(trouble.path, Nights(0, "")).count >= NIGHTS
    ]
    found += [
        f"{clean(trouble.path)} cannot be read for {nights[trouble.path].count} nights running ({clean(trouble.why)}); "
        "mend it, or leave it out with backup_exclude"
        for trouble in lasting[:3]
    ]
    if len(lasting) > 3:
        found.append(f"and {len(lasting) - 3} more files cannot be read for {NIGHTS} nights running")
    if len(troubled) >= MANY:
        first = next(iter(troubled))
        found.append(f"{len(troubled)} files cannot be read, for example {clean(first.path)} ({clean(first.why)})")
    return found


def dump(nights: Mapping[str, Nights]) -> bytes:
    """Return the counts for the next backup."""
    items = {path: {"count": one.count, "last": one.last} for path, one in nights.items()}
    return json.dumps({"version": 1, "items": items}, indent=1).encode()


def load(data: Any) -> dict[str, Nights]:
    """Read what :func:`dump` wrote; nothing when it is something else."""
    try:
        return {path: Nights(int(one["count"]), str(one["last"])) for path, one in data["items"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
