# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the program remembers of certificates between runs, and shows to everybody who may log in to the host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._common import exchange, files
from .deploy import TargetState

PATH = "var/lib/labserver/certificates.json"
LONGEST_WAIT = timedelta(days=2)  # beyond every wait that decide knows


@dataclass(frozen=True)
class State:
    """One certificate. Times are ISO 8601 in UTC or empty; ``level`` is ok, warning or critical."""

    names: tuple[str, ...] = ()
    source: str = ""
    level: str = "critical"
    message: str = ""
    not_before: str = ""
    not_after: str = ""
    fingerprint: str = ""
    placeholder: bool = False
    failures: int = 0
    next_try: str = ""  # of the source; empty: at the next run that needs it
    failed: str = ""  # why the last try failed
    renewed: str = ""
    targets: Mapping[str, TargetState] = field(default_factory=dict)

    def waits(self, now: datetime) -> bool:
        """Whether the source is to be left alone for a while after failures."""
        # A time farther away than any wait was written while the clock was ahead.
        return bool(self.next_try) and now < datetime.fromisoformat(self.next_try) <= now + LONGEST_WAIT


def read(root: Path) -> dict[str, State]:
    """Name -> state; a missing, damaged or unknown file (a full disk, another release) means starting anew."""
    try:
        data = exchange.parse((root / PATH).read_bytes(), PATH)
        return {name: _state(item) for name, item in data["certificates"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _state(item: Mapping[str, Any]) -> State:
    known = {key: value for key, value in item.items() if key in State.__dataclass_fields__}
    known["targets"] = {name: _target(target) for name, target in known.get("targets", {}).items()}
    state = State(**{**known, "names": tuple(known.get("names", ()))})
    if state.next_try:
        datetime.fromisoformat(state.next_try)
    return state


def _target(item: Mapping[str, Any]) -> TargetState:
    return TargetState(**{key: value for key, value in item.items() if key in TargetState.__dataclass_fields__})


def write(root: Path, states: Mapping[str, State], updated: str) -> None:
    """Replace the file. Raises OSError."""
    data = {"version": 1, "updated": updated, "certificates": {name: asdict(state) for name, state in states.items()}}
    (root / PATH).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(root / PATH, json.dumps(data, indent=2).encode() + b"\n", 0o644)
