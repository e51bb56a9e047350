# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the last backups held and added, so that the status can tell how they grow without asking the repository."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._common import exchange, files
from .model import STATE

PATH = f"{STATE}/runs.json"
KEPT = 60


@dataclass(frozen=True)
class Run:
    """One backup: when it ended (as in every exchange file), how much it holds, and how much of that was new to the
    repository before it was compressed. Sizes in bytes."""

    at: str
    snapshot: str
    complete: bool
    files: int
    bytes: int
    added_bytes: int


def read(root: Path) -> dict[str, Any]:
    """Return what stands in the file: ``runs``, oldest first, and ``max_age_hours``; nothing where there is none.

    Raises OSError, and ValueError for one that is damaged.
    """
    try:
        data = exchange.parse((root / PATH.lstrip("/")).read_bytes(), PATH)
    except FileNotFoundError:
        return {}
    try:
        runs = [asdict(Run(**{key: item[key] for key in Run.__dataclass_fields__})) for item in data["runs"]]
        return {"runs": runs, "max_age_hours": float(data["max_age_hours"])}
    except (KeyError, TypeError, ValueError) as error:
        raise exchange.ExchangeError(f"{PATH} is damaged ({error!r}); the next backup begins it anew") from error


def add(root: Path, run: Run, max_age_hours: float) -> None:
    """Add a backup, and forget all but the last ones; a record that is damaged begins anew. Raises OSError."""
    try:
        runs = read(root).get("runs", [])
    except ValueError:
        runs = []
    data = {"version": 1, "max_age_hours": max_age_hours, "runs": [*runs, asdict(run)][-KEPT:]}
    files.replace(root / PATH.lstrip("/"), json.dumps(data, indent=1).encode() + b"\n", 0o644)
