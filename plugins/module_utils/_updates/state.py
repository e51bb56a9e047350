# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the job remembers: what people were told, a restart that was ordered, the last one, and what apt said last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import clock, exchange, files
from .window import Told, Window

FILE = "var/lib/labserver/updates.json"


@dataclass(frozen=True)
class Ordered:
    """A restart that was ordered: when, in which boot, why, and the kernel that was to be started by it."""

    at: str
    boot: str
    why: str
    kernel: str = ""


@dataclass(frozen=True)
class Last:
    """The last restart that this job ordered."""

    at: str
    why: str
    kernel: str = ""


@dataclass(frozen=True)
class State:
    """Times are ISO 8601 in UTC or empty. ``asked``: when apt was asked what waits, ``engine`` and ``drivers`` what
    it said; ``missed`` and ``held`` as in ``window``."""

    begins: str = ""
    ends: str = ""
    since: str = ""
    missed: str = ""
    held: str = ""
    ordered: Ordered | None = None
    last: Last | None = None
    asked: str = ""
    engine: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()

    @property
    def told(self) -> Told | None:
        """Of which window people were told."""
        try:
            begins, ends, since = (datetime.fromisoformat(text) for text in (self.begins, self.ends, self.since))
        except ValueError:
            return None
        return Told(Window(begins, ends), since)


def telling(told: Told | None) -> dict[str, Any]:
    """Return the fields of ``State`` that hold what people were told."""
    if told is None:
        return {"begins": "", "ends": "", "since": ""}
    window = told.window
    return {"begins": clock.stamp(window.begins), "ends": clock.stamp(window.ends), "since": clock.stamp(told.since)}


def read(root: Path) -> State:
    """Return what is remembered; nothing where the file is missing or damaged: then people are told anew."""
    try:
        data = exchange.parse((root / FILE).read_bytes(), f"/{FILE}")
        known: dict[str, Any] = {key: value for key, value in data.items() if key in State.__dataclass_fields__}
        known |= {key: tuple(map(str, known.get(key) or ())) for key in ("engine", "drivers")}
        for key, kind in (("ordered", Ordered), ("last", Last)):
            known[key] = _part(kind, known.get(key))
        return State(**known)
    except (OSError, ValueError, TypeError, AttributeError):
        return State()


def _part(kind: type[Any], data: Mapping[str, Any] | None) -> Any:
    return kind(**{key: data[key] for key in kind.__dataclass_fields__ if key in data}) if data else None


def write(root: Path, state: State) -> None:
    """Replace the file. Raises OSError."""
    path = root / FILE
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, json.dumps({"version": 1, **asdict(state)}, indent=2).encode() + b"\n")
