# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many people at once: our module beside a plain loop of useradd and a loop of ansible.builtin.user, in one run.

    python tests/bench/accounts.py                 # all of it, some six minutes
    python tests/bench/accounts.py --part new      # one part: new (500), loop (200), many (5,000)

Each way gets a fresh Debian 12 host (a container of this machine's engine). Seconds of a task are those between its
start and its result on the controller, so the transfer of the module is in them; what a task costs that does nothing
stands in the first line. "The module alone" is timed on the host without Ansible around it, the best of three. The exit
status tells whether the limits were kept. On a busy machine the ratios still count, the seconds do not.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from paths import ROOT

HOST = "accounts-bench"
MODULE = """
- hosts: all
  gather_facts: false
  tasks:
    - labserver.jupyter.accounts:
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


def play(text: str, count: int, folder: Path, keep: bool = False) -> float:
    """Run a playbook for some people; returns the seconds of its tasks. ``keep`` leaves its modules on the host."""
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
            **({"ANSIBLE_PIPELINING": "0", "ANSIBLE_KEEP_REMOTE_FILES": "1"} if keep else {}),
            "LABSERVER_RUNS": str(folder / "runs"),
        },
    )  # fmt: skip
    (record,) = (folder / "runs").glob("*.json")
    # Of a loop every item is recorded, with its own seconds.
    return float(sum(result["seconds"] for result in json.loads(record.read_text())["results"]))


def module_alone(count: int, folder: Path) -> tuple[float, float]:
    """Run the module on the host for people it knows; returns the least seconds of three runs, and those on a core."""
    play(MODULE, count, folder, keep=True)
    newest = "f=$(ls -t /root/.ansible/tmp/*/AnsiballZ_accounts.py | head -n 1); TIMEFORMAT='%R %U %S'; "
    measured = f"{newest} {{ time python3 $f > /root/answer; }} 2>&1 && grep -q '\"changed\": false' /root/answer"
    runs = [list(map(float, run("docker", "exec", HOST, "bash", "-c", measured).split())) for _run in range(3)]
    real, user, system = min(runs)
    return real, user + system


def useradd(count: int) -> float:
    began = time.monotonic()
    run("docker", "exec", HOST, "sh", "-c", USERADD, str(count))
    return time.monotonic() - began


class Table:
    """Prints rows as they come, and remembers which limits were missed."""

    def __init__(self) -> None:
        self.missed = 0
        print("| what | seconds | limit |\n|---|---|---|", flush=True)

    def row(self, what: str, seconds: float, limit: str = "", kept: bool = True) -> None:
        self.missed += not kept
        told = f"{limit}: {'kept' if kept else 'MISSED'}" if limit else ""
        print(f"| {what} | {seconds:.2f} | {told} |", flush=True)


def part_new(table: Table, folder: Path) -> None:
    fresh_host()
    play(PING, 0, folder)
    table.row("a task that does nothing", play(PING, 0, folder))
    plain = useradd(500)
    table.row("500 new, plain loop of useradd -m", plain)
    fresh_host()
    ours = play(MODULE, 500, folder)
    table.row("500 new, accounts", ours, f"{ours / plain:.2f} of the useradd loop, at most 1.3", ours <= 1.3 * plain)
    table.row("the same 500 again, accounts", play(MODULE, 500, folder))
    real, core = module_alone(500, folder)
    table.row(f"the same, the module alone ({core:.2f} s of a core)", real, "at most 1", real <= 1)


def part_loop(table: Table, folder: Path, looped: int) -> None:
    note = "" if looped == 200 else f" (run for {looped}, extrapolated)"
    fresh_host()
    loop = play(LOOP, looped, folder) * 200 / looped
    table.row(f"200 new, loop of ansible.builtin.user{note}", loop)
    again = play(LOOP, looped, folder) * 200 / looped
    table.row(f"the same 200 again, loop of ansible.builtin.user{note}", again)
    fresh_host()
    for what, theirs in (("200 new", loop), ("the same 200 again", again)):
        ours = play(MODULE, 200, folder)
        table.row(f"{what}, accounts", ours, f"{theirs / ours:.0f} times as fast, at least 20", theirs >= 20 * ours)


def part_many(table: Table, folder: Path) -> None:
    fresh_host()
    table.row("5,000 new, accounts", play(MODULE, 5000, folder))
    table.row("the same 5,000 again, accounts", play(MODULE, 5000, folder))
    real, core = module_alone(5000, folder)
    table.row(f"the same, the module alone ({core:.2f} s of a core)", real, "at most 3", real <= 3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ["new", "loop", "many"]
    parser.add_argument("--part", choices=names, action="append", help="only this part; may be given more than once")
    parser.add_argument("--looped", type=int, default=200, help="for how many of 200 the loop is really run")
    arguments = parser.parse_args()
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, t.Callable[[], None]] = {
            "new": lambda: part_new(table, folder),
            "loop": lambda: part_loop(table, folder, arguments.looped),
            "many": lambda: part_many(table, folder),
        }
        for part in arguments.part or names:
            parts[part]()
    subprocess.run(["docker", "rm", "--force", "--volumes", HOST], capture_output=True, check=False)
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
