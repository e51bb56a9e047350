# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds and remote calls of a run of site.yml that changes nothing, role by role.

    make demo && python tests/bench/site.py            # on the demo's lab server
    python tests/bench/site.py -i inventory/mylab      # on a lab of your own (changes what has to change)

A remote call is a module that runs on the host. The fastest of the runs counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from paths import ROOT


def run_site(inventory: str, runs: Path) -> dict[str, t.Any]:
    """Run site.yml once and return its record."""
    before = set(runs.glob("*.json"))
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "run_record",
        "LABSERVER_RUNS": str(runs),
    }
    command = ["ansible-playbook", "-i", inventory, "playbooks/site.yml"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout[-4000:]}{result.stderr[-2000:]}")
    (record,) = set(runs.glob("*.json")) - before
    return t.cast(dict[str, t.Any], json.loads(record.read_text()))


def table(record: dict[str, t.Any]) -> str:
    """Return a Markdown table: calls and seconds of each role."""
    calls: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for result in record["results"]:
        role = result["role"].removeprefix("labserver.jupyter.") or "(playbook)"
        remote = not result["local"] and not result["skipped"]
        calls[role] = calls.get(role, 0) + remote
        seconds[role] = seconds.get(role, 0.0) + (result["seconds"] if remote else 0.0)
    lines = ["| role | remote calls | seconds in them |", "|---|---|---|"]
    lines += [f"| {role} | {calls[role]} | {seconds[role]:.1f} |" for role in calls]
    lines += [f"| **whole run** | **{sum(calls.values())}** | **{record['seconds']:.1f}** (wall) |"]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", "--inventory", default="inventory/demo")
    parser.add_argument("--runs", type=int, default=3, help="how often to measure (default: 3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records = [run_site(arguments.inventory, Path(folder)) for _ in range(arguments.runs)]
    changed = [result["task"] for result in records[-1]["results"] if result["changed"]]
    if changed:
        sys.exit(f"the last run still changed something: {changed}")
    print(table(min(records, key=lambda record: record["seconds"])))


if __name__ == "__main__":
    main()
