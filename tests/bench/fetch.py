# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long pages of the hub take while the catalogue fetches a large image.

    molecule converge -s hub && python tests/bench/fetch.py       # on the scenario's host, which is kept

Prints Markdown. The registry of that host keeps an image of --megabytes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import hub_host
from hub_client import HubClient

OWN = "A password of my own"


class Host:
    """The scenario's host."""

    def __init__(self, container: str):
        self.container = container
        self.base = hub_host.base_url(self.sh)

    def sh(self, command: str, *arguments: str, stdin: str = "") -> str:
        """Run a command on the host."""
        whole = ["docker", "exec", "-i", self.container, "sh", "-c", command, "sh", *arguments]
        done = subprocess.run(whole, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def person(self, name: str) -> HubClient:
        """Return a person who is logged in."""
        client = hub_host.logged_in(self.sh, self.base, name, OWN)
        if client.server() is not None:
            client.stop()
        return client


def pages_while_pulling(host: Host, megabytes: int) -> tuple[float, list[float]]:
    """Push a large image, take it off the host, and let the catalogue fetch it; returns its seconds and the pages'."""
    name = "127.0.0.1:5000/large"
    host.sh("systemctl stop labserver-catalogue; docker login -u pusher --password-stdin 127.0.0.1:5000"
            " < /etc/labserver/registry/secrets/pusher 2>/dev/null; mkdir -p /tmp/large;"
            f" head -c {megabytes}M /dev/urandom > /tmp/large/data;"
            " printf 'FROM 127.0.0.1:5000/notebook:latest\\nCOPY data /data\\n' > /tmp/large/Dockerfile;"
            f" DOCKER_BUILDKIT=0 docker build -q -t {name}:1 /tmp/large && docker push -q {name}:1"
            f" && docker rmi -f $(docker image inspect -f '{{{{.Id}}}}' {name}:1) && rm -r /tmp/large")  # fmt: skip
    state = "labserver catalogue --list | grep '^large:1' | awk '{print $2}'"
    person, pages, done = host.person("student1"), [], threading.Event()

    def visit() -> None:
        while not done.is_set():
            began = time.monotonic()
            assert person.get("/hub/home").status_code == 200
            pages.append(time.monotonic() - began)
            time.sleep(0.1)

    visitor = threading.Thread(target=visit)
    began = time.monotonic()
    host.sh("systemctl start labserver-catalogue")
    visitor.start()
    try:
        while host.sh(state).strip() not in ("ready", "broken"):
            time.sleep(0.5)
    finally:
        done.set()
        visitor.join()
    return time.monotonic() - began, pages


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = f"labserver-hub{os.environ.get('LABSERVER_ID', '')}"
    parser.add_argument("--host", default=default, help=f"container that plays the host (default: {default})")
    parser.add_argument("--megabytes", type=int, default=600)
    arguments = parser.parse_args()
    pull, pages = pages_while_pulling(Host(arguments.host), arguments.megabytes)
    ordered = sorted(pages)
    print("| seconds | p50 | p95 |\n|---|---|---|")
    print(f"| a page while {arguments.megabytes} MB are fetched | {statistics.median(ordered):.3f}"
          f" | {ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]:.3f} |")  # fmt: skip
    print(f"\nFetched and tried in {pull:.1f} s; the slowest page took {max(pages):.3f} s.")


if __name__ == "__main__":
    main()
