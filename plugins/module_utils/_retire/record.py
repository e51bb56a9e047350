# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a retirement came, written down on the host: what a run that died has done, the next one need not do."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .._common import files
from .model import STAGES, Current, Record

FILE = "var/lib/labserver/retire.json"
"""Of all that a lab server keeps, this alone outlives a wipe."""


def read(root: Path) -> Record:
    """Return what an earlier run noted; a missing, damaged or unknown file says that nothing was begun."""
    try:
        data = json.loads((root / FILE).read_bytes())
        if data["version"] != 1 or data["stage"] not in STAGES:
            return Record()
        known: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in data.items()
            if key in Record.__dataclass_fields__
        }
        return Record(**known)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def write(root: Path, record: Record) -> None:
    """Note how far it came."""
    (root / FILE).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(root / FILE, (json.dumps({"version": 1, **asdict(record)}, indent=1) + "\n").encode(), 0o600)


def effective(current: Current, today: str) -> Record:
    """Return what of the record still holds: people may have worked here again since, after playbooks/site.yml.

    Then the last backup is not the last one any more, and everything after the announcement is done once more. A server
    without a hub does not show whether somebody worked on it: there, a backup holds for a day.
    """
    record = current.record
    reached = STAGES.index(record.stage)
    back = current.hub == "running"
    back |= record.stage in ("stopped", "wiped") and bool(current.jobs)
    back |= record.stage in ("frozen", "saved") and "backup" in current.jobs and record.frozen[:10] < today
    if reached >= STAGES.index("frozen") and back:
        return replace(Record(), stage="announced", day=record.day, contact=record.contact)
    return record
