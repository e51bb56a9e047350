# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver usage-report``: what was used, for the playbook ``report.yml`` and for people at a terminal."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import model, table
from .model import Key, Sum
from .store import FILE, Disk, Store

MOST_MONTHS = 120


def months(now: float, count: int) -> str:
    """Return the first of the last ``count`` months, the present one included."""
    month = model.month_of(now)
    number = int(month[:4]) * 12 + int(month[5:]) - 1 - (count - 1)
    return f"{number // 12:04}-{number % 12 + 1:02}"


def document(sums: Mapping[Key, Sum], disks: Sequence[Disk]) -> dict[str, Any]:
    """Return what one host tells; see ``docs/reference/interfaces.md``."""
    return {
        "version": 1,
        "rows": [
            {
                "month": key.month,
                "person": key.person,
                "groups": list(key.groups),
                "image": key.image,
                "seconds": round(one.seconds, 3),
                "cpu_seconds": round(one.cpu, 3),
                "cpu_estimated_seconds": round(one.estimated, 3),
                "memory_byte_seconds": round(one.memory),
                "memory_peak_bytes": one.memory_peak,
                "gpu_seconds": round(one.gpu, 3),
                "starts": one.starts,
            }
            for key, one in sums.items()
        ],
        "disk": [
            {
                "month": one.month,
                "person": one.person,
                "average_bytes": one.average,
                "peak_bytes": one.peak,
                "last_bytes": one.last,
            }
            for one in disks
        ],
    }


def main(argv: Sequence[str]) -> int:
    """Command line: a table, or JSON; 1 when nothing was recorded yet, 2 when the record cannot be read."""
    parser = argparse.ArgumentParser(prog="labserver usage-report", description="What people's servers used.")
    parser.add_argument("--months", type=int, default=12, help="so many months, this one included (default: 12)")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    if not 1 <= arguments.months <= MOST_MONTHS:
        parser.error(f"--months: {arguments.months} is not a number from 1 to {MOST_MONTHS}")
    if not (arguments.root / FILE).exists():
        sys.stderr.write(f"labserver usage-report: /{FILE} is not there: nothing was recorded on this host yet\n")
        return 1
    since = months(time.time(), arguments.months)
    try:
        store = Store(arguments.root / FILE)
        found = document(store.sums(since), store.disks(since))
        store.close()
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"labserver usage-report: {error}\n")
        return 2
    if arguments.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return 0
    sys.stdout.write(table.text(table.merged({"": found})))
    return 0
