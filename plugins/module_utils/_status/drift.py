# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs from what the last whole run of ``playbooks/site.yml`` left on this host.

A whole run ends by noting how each file, container and package is that the roles manage (``managed``,
``managed_containers``, ``managed_packages``). The status compares. It cannot know what an inventory would change that
nobody has run yet: that is for ``playbooks/site.yml --check --diff``.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import clock, exchange, files, words
from .._common.docker_api import EngineError
from . import managed, managed_containers, managed_packages
from .difference import CHANGED, GONE, NEW, NEWER, RIGHTS, Difference
from .managed import File
from .managed_containers import Container, Get
from .managed_packages import Package

PATH = "var/lib/labserver/status/site.json"
KEY = "var/lib/labserver/status/site.key"
"""The key of the digests. Neither file is in a backup, and only root reads them."""
KEY_BYTES = 32
MOST_ROWS = 50
NOT_NOTED = "unknown since the last whole run: it could not note any, or an earlier release made it"
FAULTS = (EngineError, OSError, ValueError, KeyError, TypeError, AttributeError)
"""Why containers or packages cannot be looked at: no answer, none that is understood, or too many."""


@dataclass(frozen=True)
class Record:
    """The last whole run: when (ISO 8601), the collection's version, and how it left each file.

    ``containers`` and ``packages`` are None where it could not look at them, or is of a release that did not.
    ``part``: when a run of a part of site.yml ended since, empty when none did.
    """

    run: str
    version: str
    files: Mapping[str, File]
    part: str = ""
    containers: Mapping[str, Container] | None = None
    packages: Mapping[str, Package] | None = None


def record(
    root: Path,
    version: str,
    now: datetime,
    new_key: Callable[[int], bytes] = os.urandom,
    engine: Callable[[Path], Get | None] = managed_containers.engine,
) -> bool:
    """Note how what is managed is after a whole run; returns whether that is not as it was noted. Raises OSError.

    Of packages that is left to the tasks that install them: updates come between two runs, as they should.
    """
    key = _key(root) or new_key(KEY_BYTES)
    before, found = _before(root), managed.look(root, key)
    containers: Mapping[str, Container] | None = None
    packages: Mapping[str, Package] | None = None
    with contextlib.suppress(*FAULTS):
        get = engine(root)
        containers = {} if get is None else managed_containers.look(get, key)
    with contextlib.suppress(*FAULTS):
        packages = managed_packages.look(root)
    if _key(root) is None:
        _write(root / KEY, key)
    keep(root, Record(clock.stamp(now), version, found, "", containers, packages))
    return before is None or (before.files, before.containers) != (found, containers)


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
    if run.containers is not None:
        content["containers"] = {name: one.document() for name, one in run.containers.items()}
    if run.packages is not None:
        content["packages"] = {name: list(asdict(one).values()) for name, one in run.packages.items()}
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
        containers, packages = data.get("containers"), data.get("packages")
        if containers is not None:
            containers = {str(name): Container.of(described) for name, described in containers.items()}
        if packages is not None:
            packages = {str(name): Package(*described) for name, described in packages.items()}
        return Record(str(data["run"]), str(data["collection"]), found, str(data["part"]), containers, packages)
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


def state(
    root: Path,
    exchanged: Callable[[Path, str], Mapping[str, str | None]] = lambda _root, _since: {},
    engine: Callable[[Path], Get | None] = managed_containers.engine,
) -> dict[str, Any]:
    """Return what the status says of site.yml: the last whole run, and what differs since. Raises OSError, ValueError.

    ``run`` is empty where no whole run was noted; then nothing is compared. ``exchanged`` tells which containers the
    host itself exchanged since the run (``exchanged.read``).
    """
    last = read(root)
    if last is None:
        return {"run": "", "version": "", "part": "", "files": 0, "drift": [], "drift_left_out": 0}
    key = _key(root)
    if key is None:
        raise exchange.ExchangeError(f"/{KEY} is missing, by which files are compared; {exchange.HINT}")
    rows = compare(last.files, managed.look(root, key))
    found = {
        "run": words.clean(last.run),
        "version": words.clean(last.version),
        "part": words.clean(last.part),
        "files": len(last.files),
        "drift": [{"path": f"/{row.pop('name')}", **row} for row in _shown(rows)],
        "drift_left_out": max(0, len(rows) - MOST_ROWS),
    }

    def of_containers(left: Mapping[str, Container]) -> list[Difference]:
        get = engine(root)
        if get is None and left:
            raise EngineError("the host has no Docker engine any more")
        now = {} if get is None else managed_containers.look(get, key)
        return managed_containers.compare(left, now, exchanged(root, last.run), key)

    def of_packages(left: Mapping[str, Package]) -> list[Difference]:
        return managed_packages.compare(left, managed_packages.look(root), last.run[:10])

    return {
        **found,
        "containers": _compared(last.containers, of_containers),
        "packages": _compared(last.packages, of_packages),
    }


def _compared(left: Mapping[str, Any] | None, look: Callable[[Any], list[Difference]]) -> dict[str, Any]:
    """Return what differs of one kind, and why that is not known where it could not be looked at."""
    unknown, rows = "", []
    if left is None:
        unknown = NOT_NOTED
    else:
        try:
            rows = look(left)
        except FAULTS as error:
            unknown = words.clean(error if str(error) else repr(error))
    newer = [row for row in rows if row.what == NEWER]
    rows = [row for row in rows if row.what != NEWER]
    return {
        "noted": len(left or ()),
        "drift": _shown(rows),
        "drift_left_out": max(0, len(rows) - MOST_ROWS),
        "newer": _shown(newer),
        "unknown": unknown,
    }


def _shown(rows: Sequence[Difference]) -> list[dict[str, str]]:
    return [
        {"name": words.clean(row.name, 400), "what": row.what, "message": words.clean(row.message, 400)}
        for row in rows[:MOST_ROWS]
    ]


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
