# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status file of a job: what its last run did. Everybody may read it: it holds numbers and the summary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .._common import exchange, files, words
from .alert import Told

FOLDER = "var/lib/labserver/jobs"
SUMMARY_CHARACTERS = 300
ALL_WAYS = "alerts"  # stands for every way while nobody knows which there are


@dataclass(frozen=True)
class Status:
    """The last run of a job. Times are ISO 8601 in UTC or empty; ``level`` is ok, warning, critical or never-run."""

    job: str
    description: str = ""
    level: str = "never-run"
    exit_status: int | None = None
    message: str = ""
    trigger: str = ""
    started: str = ""
    ended: str = ""
    duration_seconds: float = 0.0
    last_success: str = ""
    failures: int = 0  # runs in a row that did not end well
    held_up: str = ""  # when the runner was called last and found another job in its place (a backup, say)
    busy: int = 0  # runs in a row whose command found somebody else at its work
    busy_since: str = ""  # when the first of them began
    told: Mapping[str, Told] = field(default_factory=dict)  # way -> what it told last

    @property
    def unheard(self) -> str:
        """Which ways of telling failed, and why; empty when all got through."""
        return ", ".join(f"{way} ({told.failed})" for way, told in self.told.items() if told.failed)

    @property
    def untold(self) -> bool:
        """Whether something is to be told and no way at all got through."""
        return bool(self.told) and all(told.failed for told in self.told.values())

    @property
    def waiting(self) -> bool:
        """Whether something is still to be told: after the quiet hours, or when it has lasted for a while."""
        return any(told.held or told.again for told in self.told.values())


def summary_line(text: str) -> str:
    """Return one printable line of what a job wrote as its summary."""
    return words.clean(text, SUMMARY_CHARACTERS)


def read(root: Path, job: str) -> Status:
    """Return the content of the status file; a missing, damaged or unknown one counts as "never run"."""
    try:
        data = exchange.parse((root / FOLDER / f"{job}.json").read_bytes(), job)
        known = {key: value for key, value in data.items() if key in Status.__dataclass_fields__}
        told = {way: _told(item) for way, item in known.get("told", {}).items()}
        return Status(**{**known, "job": job, "told": told})
    except (OSError, ValueError, TypeError, AttributeError):
        return Status(job)


def all_of(root: Path) -> list[Status]:
    """Return the status of every job and service that there is one of."""
    return [read(root, path.stem) for path in sorted((root / FOLDER).glob("*.json"))]


def _told(item: Mapping[str, Any]) -> Told:
    return Told(**{key: value for key, value in item.items() if key in Told.__dataclass_fields__})


def write(root: Path, status: Status) -> None:
    """Replace the status file. Raises OSError."""
    path = root / FOLDER / f"{status.job}.json"
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, json.dumps({"version": 1, **asdict(status)}, indent=2).encode() + b"\n", 0o644)
