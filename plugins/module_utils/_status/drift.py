# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs from what the last whole run of ``playbooks/site.yml`` left on this host.

A whole run ends by noting how each file is that the roles manage (``managed``). The status compares. It cannot know
what an inventory would change that nobody has run yet: that is for ``playbooks/site.yml --check --diff``.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import clock, exchange, files, words
from . import managed
from .managed import File

PATH = "var/lib/labserver/status/site.json"
KEY = "var/lib/labserver/status/site.key"
"""The key of the digests. Neither file is in a backup, and only root reads them."""
KEY_BYTES = 32
MOST_ROWS = 50
CHANGED, RIGHTS, GONE, NEW = "changed", "rights", "gone", "new"


@dataclass(frozen=True)
class Record:
    """The last whole run: when (ISO 8601), the collection's version, and how it left each file.

    ``part``: when a run of a part of site.yml ended since, empty when none did.
    """

    run: str
    version: str
    files: Mapping[str, File]
    part: str = ""


@dataclass(frozen=True)
class Difference:
    """A file that is not as it was; ``what`` is one of CHANGED, RIGHTS, GONE and NEW."""

    path: str
    what: str
    message: str


def record(root: Path, version: str, now: datetime, new_key: Callable[[int], bytes] = os.urandom) -> bool:
    """Note how the managed files are after a whole run; returns whether that is not as it was noted. Raises OSError."""
    key = _key(root) or new_key(KEY_BYTES)
    before, found = _before(root), managed.look(root, key)
    if _key(root) is None:
        _write(root / KEY, key)
    keep(root, Record(clock.stamp(now), version, found))
    return before is None or before.files != found


def noted(root: Path) -> bool:
    """Tell whether a whole run was noted by which files can be compared."""
    return _before(root) is not None


def part(root: Path, now: datetime) -> None:
    """Note that a part of site.yml ran: what differs now may be its work. Raises OSError."""
    before = _before(root)
    if before is not None:
        keep(root, replace(before, part=clock.stamp(now)))


def keep(root: Path, run: Record) -> None:
    """Replace the record. Raises OSError."""
    described = {path: list(asdict(file).values()) for path, file in run.files.items()}
    content = {"version": 1, "run": run.run, "collection": run.version, "part": run.part, "files": described}
    _write(root / PATH, json.dumps(content).encode() + b"\n")


def read(root: Path) -> Record | None:
    """Return the record; None when no whole run was noted. Raises OSError, ValueError."""
    try:
        content = (root / PATH).read_bytes()
    except FileNotFoundError:
        return None
    data = exchange.parse(content, f"/{PATH}")
    try:
        found = {str(path): File(*described) for path, described in data["files"].items()}
        return Record(str(data["run"]), str(data["collection"]), found, str(data["part"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise exchange.ExchangeError(f"/{PATH} is damaged: {error!r}; {exchange.HINT}") from None


def compare(left: Mapping[str, File], found: Mapping[str, File]) -> list[Difference]:
    """Return what differs, by path. Of what others may put beside it nothing is told as new, nor are folders."""
    rows = []
    for path in sorted({*left, *found}):
        before, now = left.get(path), found.get(path)
        if now is None:
            rows.append(Difference(path, GONE, "it was removed"))
        elif before is None:
            if now.digest and managed.is_own(path):
                rows.append(Difference(path, NEW, "it was not there"))
        elif before.digest != now.digest:
            rights = f"; {_rights(before, now)}" if _owned(before) != _owned(now) else ""
            rows.append(Difference(path, CHANGED, f"its content was changed{rights}"))
        elif before != now:
            rows.append(Difference(path, RIGHTS, _rights(before, now)))
    return rows


def state(root: Path) -> dict[str, Any]:
    """Return what the status says of site.yml: the last whole run, and what differs since. Raises OSError, ValueError.

    ``run`` is empty where no whole run was noted; then nothing is compared.
    """
    last = read(root)
    if last is None:
        return {"run": "", "version": "", "part": "", "files": 0, "drift": [], "drift_left_out": 0}
    key = _key(root)
    if key is None:
        raise exchange.ExchangeError(f"/{KEY} is missing, by which files are compared; {exchange.HINT}")
    rows = compare(last.files, managed.look(root, key))
    return {
        "run": words.clean(last.run),
        "version": words.clean(last.version),
        "part": words.clean(last.part),
        "files": len(last.files),
        "drift": [{**asdict(row), "path": words.clean(f"/{row.path}", 400)} for row in rows[:MOST_ROWS]],
        "drift_left_out": max(0, len(rows) - MOST_ROWS),
    }


def _owned(file: File) -> tuple[int, int, int]:
    return file.mode, file.uid, file.gid


def _rights(before: File, now: File) -> str:
    said = [f"{one.mode:04o} of {one.uid}:{one.gid}" for one in (before, now)]
    return f"mode and owner were {said[0]} and are {said[1]}"


def _before(root: Path) -> Record | None:
    try:
        return read(root) if _key(root) else None
    except (OSError, ValueError):
        return None


def _key(root: Path) -> bytes | None:
    """Return the key of this host's digests; None where there is none. Raises OSError."""
    try:
        with (root / KEY).open("rb") as file:
            private = not os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            key = file.read(KEY_BYTES)
    except FileNotFoundError:
        return None
    return key if private and len(key) == KEY_BYTES else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, content, 0o600)
