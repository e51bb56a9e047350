# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page and the table of all servers cost: CPU time to make them, and their size.

    python tests/bench/status.py --servers 20 --people 500

Each server has its people's servers, homes and 60 days of disks, as tests/unit has them. What a server takes to read
its own state is bounded by a test of the scenario hub.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import collection  # noqa: F401 - makes the checkout importable as the collection
from ansible_collections.labserver.jupyter.plugins.module_utils._status import metrics, table, view
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._status.status_report import report

LIMIT_SECONDS, LIMIT_BYTES = 10.0, 20_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=20)
    parser.add_argument("--people", type=int, default=500, help="of each server")
    asked = parser.parse_args()
    hosts = {f"host{number:02}": report(asked.people) for number in range(asked.servers)}
    one = hosts["host00"]
    cases = {
        "page of all": lambda: view.document(hosts, "now"),
        "page of one": lambda: view.document({"host00": one}, "now"),
        "table of all": lambda: table.table(hosts),
        "metrics of one": lambda: metrics.text(one),
    }
    worst = 0.0, 0
    for name, make in cases.items():
        begun = time.process_time()
        size = len(make().encode())
        used = time.process_time() - begun
        print(f"{name}: {used:.3f} s of CPU, {size / 1000:.0f} kB")
        worst = max(worst[0], used), max(worst[1], size)
    return 0 if worst[0] < LIMIT_SECONDS and worst[1] < LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
