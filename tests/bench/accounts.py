# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many people at once: our module beside a plain loop of useradd and a loop of ansible.builtin.user, in one run.

    python tests/bench/accounts.py                 # 500 and 5,000 people; the user loop over 50 and extrapolated
    python tests/bench/accounts.py --full          # the user loop over all 500 (some minutes)

Each way gets a fresh Debian 12 host (a container of this machine's engine). Seconds of a task are those between its
start and its result on the controller, so the transfer of the module is in them; what a task costs that does nothing
stands in the first line. Take the ratios, not the seconds, from a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "accounts-bench"
MODULE = """
- hosts: all
  gather_facts: false
  tasks:
    - labserver.jupyter.lab_accounts:
        groups: [{name: students}]
        users: "{{ people }}"
"""
LOOP = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.group: {name: students}
    - ansible.builtin.user:
        name: "jupyter-{{ item.name }}"
        groups: students
        shell: /bin/bash
      loop: "{{ people }}"
      loop_control: {label: "{{ item.name }}"}
"""
PING = "- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.ping: {}}]}"
USERADD = """
set -e
groupadd students
for n in $(seq -w $0); do useradd -m -s /bin/bash -G students jupyter-student$n; done
"""


def run(*command: str | Path, **keywords: t.Any) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, **keywords)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))[:300]} failed:\n{result.stdout[-3000:]}{result.stderr[-2000:]}")
    return result.stdout


def fresh_host() -> None:
    """Start a host that knows nobody yet."""
    subprocess.run(["docker", "rm", "--force", "--volumes", HOST], capture_output=True, check=False)
    image = run(ROOT / "tools/host-image.sh", "bookworm").splitlines()[-1]
    run("docker", "run", "--detach", "--name", HOST, "--entrypoint", "sleep", image, "infinity")


def people(count: int) -> list[dict[str, t.Any]]:
    width = len(str(count))
    return [{"name": f"student{number:0{width}}", "groups": ["students"]} for number in range(1, count + 1)]


def play(text: str, count: int, folder: Path) -> float:
    """Run a playbook for some people; returns the seconds of its tasks."""
    (folder / "play.yml").write_text(text)
    (folder / "people.json").write_text(json.dumps({"people": people(count)}))
    for old in folder.glob("runs/*.json"):
        old.unlink()
    run(
        "ansible-playbook", "-i", f"{HOST},", "-e", "ansible_connection=community.docker.docker",
        "-e", f"@{folder}/people.json", folder / "play.yml",
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "run_record",
            "LABSERVER_RUNS": str(folder / "runs"),
        },
    )  # fmt: skip
    (record,) = (folder / "runs").glob("*.json")
    ends: dict[str, float] = {}  # items of a loop count from the start of their task, so the last one tells
    for result in json.loads(record.read_text())["results"]:
        ends[result["path"]] = max(ends.get(result["path"], 0.0), result["seconds"])
    return sum(ends.values())


def useradd(count: int) -> float:
    began = time.monotonic()
    run("docker", "exec", HOST, "sh", "-c", USERADD, str(count))
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="run the loop of ansible.builtin.user over all 500")
    parser.add_argument("--looped", type=int, default=50, help="otherwise, how many it runs over")
    parser.add_argument("--many", type=int, default=5000, help="the larger number of people (0: leave it out)")
    arguments = parser.parse_args()
    looped = 500 if arguments.full else arguments.looped
    note = "" if arguments.full else f" (extrapolated from {looped})"
    plain = 0.0

    def row(what: str, seconds: float) -> None:
        ratio = f"{seconds / plain:.2f}" if plain else ""
        print(f"| {what} | {seconds:.2f} | {ratio} |", flush=True)

    print("| what | seconds | against the useradd loop |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fresh_host()
        play(PING, 0, folder)
        row("a task that does nothing", play(PING, 0, folder))
        plain = useradd(500)
        row("500 new, plain loop of useradd -m", plain)
        fresh_host()
        row("500 new, lab_accounts", play(MODULE, 500, folder))
        row("500 again, nothing changes, lab_accounts", play(MODULE, 500, folder))
        fresh_host()
        row(f"500 new, loop of ansible.builtin.user{note}", play(LOOP, looped, folder) * 500 / looped)
        row(f"500 again, loop of ansible.builtin.user{note}", play(LOOP, looped, folder) * 500 / looped)
        if arguments.many:
            fresh_host()
            row(f"{arguments.many} new, lab_accounts", play(MODULE, arguments.many, folder))
            row(f"{arguments.many} again, lab_accounts", play(MODULE, arguments.many, folder))
    subprocess.run(["docker", "rm", "--force", "--volumes", HOST], capture_output=True, check=False)


if __name__ == "__main__":
    main()
