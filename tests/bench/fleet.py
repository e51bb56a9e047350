# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds of runs of site.yml that change nothing, over fleets of 1, 2, 5 and more servers.

    python tests/bench/fleet.py                        # 1, 2 and 5 servers
    python tests/bench/fleet.py --servers 1 5 10 20    # where the machine has the memory: about 150 MB a server

The servers are containers on this machine, compute servers without hub and registry: engine, accounts, schedule, front
door and certificates. They are made, set up once, measured, and removed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from paths import ROOT

PREFIX = f"labserver-fleet{os.environ.get('LABSERVER_ID', '')}"


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"docker {' '.join(arguments)} failed: {done.stderr}")
    return done.stdout.strip()


def start(names: list[str]) -> None:
    """Start the servers, as the scenarios do (molecule/_common/tasks/create_containers.yml)."""
    image = subprocess.run(
        [ROOT / "tools" / "host-image.sh", "trixie"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    for name in names:
        capabilities = [f"--cap-add={one}" for one in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")]
        mounts = ["--tmpfs=/run", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw", "--volume=/var/lib/docker"]
        options = ["--security-opt=seccomp=unconfined", "--cgroupns=host", "--stop-signal=SIGRTMIN+3"]
        docker("run", "--detach", f"--name={name}", f"--hostname={name}", *capabilities, *mounts, *options, image)
    for name in names:
        end = time.monotonic() + 60
        while docker("exec", name, "systemctl", "is-system-running", check=False) not in ("running", "degraded"):
            if time.monotonic() > end:
                sys.exit(f"{name} did not boot")
            time.sleep(1)


def inventory(folder: Path, names: list[str]) -> Path:
    connection = {"ansible_connection": "community.docker.docker", "ansible_python_interpreter": "/usr/bin/python3"}
    people = [{"name": f"person{number}"} for number in range(20)]
    variables = {
        **connection,
        "certificates_ca_keeper": names[0],
        "certificates_jitter_seconds": 0,
        "accounts_users": people,
    }
    nobody: dict[str, t.Any] = {"hosts": {}}
    children = {"labserver_hubs": nobody, "labserver_registries": nobody}
    document = {"all": {"hosts": {name: {} for name in names}, "vars": variables, "children": children}}
    path = folder / "hosts.json"
    path.write_text(json.dumps(document))
    return path


def run(hosts: Path, limit: list[str], runs: Path) -> dict[str, t.Any]:
    """Run site.yml once on some of the servers and return its record."""
    before = set(runs.glob("*.json"))
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "run_record",
        "LABSERVER_RUNS": str(runs),
    }
    command = ["ansible-playbook", "-i", str(hosts), "playbooks/site.yml", "--limit", ",".join(limit)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    (record,) = set(runs.glob("*.json")) - before
    return t.cast(dict[str, t.Any], json.loads(record.read_text()))


def row(record: dict[str, t.Any], servers: int) -> str:
    """Return a line of the table: where the time of one server goes, on average."""
    remote = [one for one in record["results"] if not one["local"] and not one["skipped"]]
    inside = sum(one["seconds"] for one in remote)
    return f"| {servers} | {record['seconds']:.1f} | {len(remote) / servers:.0f} | {inside / servers:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, nargs="+", default=[1, 2, 5], help="sizes of the fleet (default: 1 2 5)")
    parser.add_argument(
        "--runs", type=int, default=2, help="how often each is measured; the fastest counts (default: 2)"
    )
    arguments = parser.parse_args()
    names = [f"{PREFIX}-{number}" for number in range(1, max(arguments.servers) + 1)]
    try:
        start(names)
        with tempfile.TemporaryDirectory() as folder:
            hosts, runs = inventory(Path(folder), names), Path(folder) / "runs"
            run(hosts, names, runs)
            print("| servers | seconds | remote calls of each | seconds in them |\n|---|---|---|---|")
            for servers in sorted(arguments.servers):
                records = [run(hosts, names[:servers], runs) for _ in range(arguments.runs)]
                changed = {one["task"] for one in records[-1]["results"] if one["changed"]}
                if changed:
                    sys.exit(f"the last run still changed something: {changed}")
                print(row(min(records, key=lambda record: record["seconds"]), servers), flush=True)
    finally:
        docker("rm", "--force", "--volumes", *names, check=False)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest process of the controller: {memory / 1024:.0f} MB")


if __name__ == "__main__":
    main()
