# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of a server costs: against plain `docker run` of the same image, side by side on one host.

    molecule converge -s hub && python tests/bench/spawn.py       # on the scenario's host, which is kept

Prints Markdown: seconds from the request to the first answer of the server for both, twenty people at once, memory of
the hub, the guard's part of a start, and how long pages take while a large image is fetched. The people student1 to
student20 of that host start and stop servers; the registry keeps an image of --pull-megabytes.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
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
IMAGE = "notebook:latest"

# Runs on the host: the plain start, timed where the hub's is timed as well, at the first answer of the server.
PLAIN = """
import json, subprocess, sys, time, urllib.request
name, image = "bench-plain", sys.argv[1]
subprocess.run(["docker", "rm", "-f", name], capture_output=True)
began = time.monotonic()
command = ["jupyter-lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--ServerApp.base_url=/x"]
subprocess.run(["docker", "run", "-d", "--name", name, "--user", "64999:64999", "-e", "HOME=/tmp", "-w", "/tmp", image,
                *command], check=True, capture_output=True)
address = subprocess.run(["docker", "inspect", "-f", "{{.NetworkSettings.IPAddress}}", name], check=True,
                         capture_output=True, text=True).stdout.strip()
while True:
    try:
        json.load(urllib.request.urlopen(f"http://{address}:8888/x/api", timeout=2))
        break
    except (OSError, ValueError):
        time.sleep(0.05)
        if time.monotonic() - began > 120:
            sys.exit(subprocess.run(["docker", "logs", name], capture_output=True, text=True).stderr)
print(time.monotonic() - began)
subprocess.run(["docker", "rm", "-f", name], capture_output=True)
"""

# Also on the host: how much longer the engine's answers take through the guard.
SOCKETS = """
import http.client, socket, statistics, sys, time
class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost"); self.path = path
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(self.path)
def ask(path, times=100):
    took = []
    for _ in range(times):
        began = time.monotonic(); connection = Connection(path)
        connection.request("GET", "/containers/" + sys.argv[1] + "/json")
        answer = connection.getresponse(); answer.read(); connection.close()
        assert answer.status == 200, answer.status
        took.append(time.monotonic() - began)
    return statistics.median(took)
print(ask("/var/lib/labserver/hub-guard/docker.sock") - ask("/run/docker.sock"))
"""


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

    def python(self, code: str, *arguments: str) -> float:
        """Run Python on the host; returns the number that it prints."""
        return float(self.sh('python3 - "$@"', *arguments, stdin=code))

    def person(self, name: str) -> HubClient:
        """Return a person who is logged in."""
        client = hub_host.logged_in(self.sh, self.base, name, OWN)
        if client.server() is not None:
            client.stop()
        return client

    def cpu_seconds(self, container: str) -> float:
        """Return the processor time that a container has used."""
        path = f"/containers/{container}/stats?stream=0&one-shot=1"
        code = (
            "import http.client, json, socket\n"
            "c = http.client.HTTPConnection('localhost'); c.sock = socket.socket(socket.AF_UNIX)\n"
            f"c.sock.connect('/run/docker.sock'); c.request('GET', '{path}')\n"
            "print(json.load(c.getresponse())['cpu_stats']['cpu_usage']['total_usage'] / 1e9)\n"
        )
        return self.python(code)

    def memory(self, container: str) -> str:
        """Return the memory of a container in Docker's words."""
        return self.sh(f"docker stats --no-stream --format '{{{{.MemUsage}}}}' {container}").split(" /")[0]


def start(person: HubClient, image: str = IMAGE) -> float:
    """Start a server; returns the seconds until it answers through the proxy."""
    began = time.monotonic()
    while person.start(image).status_code == 429:
        time.sleep(0.5)
    while True:
        state = person.server()
        if state is None:
            sys.exit(f"the server of {person.name} did not start: {person.failure()}")
        if state["ready"] and "version" in person.get(f"/user/{person.name}/api").text:
            return time.monotonic() - began
        time.sleep(0.05)


def quantiles(values: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile (the greatest of few)."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


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
    parser.add_argument("--starts", type=int, default=10, help="how many of each kind (default: 10)")
    parser.add_argument("--people", type=int, default=20, help="how many start at once (default: 20, the most)")
    parser.add_argument("--pull-megabytes", type=int, default=600)
    arguments = parser.parse_args()
    host = Host(arguments.host)
    images = json.loads(host.sh("cat /var/lib/labserver/catalogue/images.json"))["images"]
    reference = next(one["reference"] for one in images if f"{one['repository']}:{one['tag']}" == IMAGE)
    rows: list[tuple[str, str, str]] = []

    student = host.person("student1")
    idle_memory = host.memory("labserver-hub")
    plain, ours = [], []
    host.python(PLAIN, reference)  # the first of each warms the page cache, and is not counted
    start(student)
    student.stop()
    cpu = host.cpu_seconds("labserver-docker-guard")
    for _ in range(arguments.starts):  # by turns: what else the machine does meets both alike
        plain.append(host.python(PLAIN, reference))
        ours.append(start(student))
        if len(ours) < arguments.starts:
            student.stop()
    guard_cpu = (host.cpu_seconds("labserver-docker-guard") - cpu) / arguments.starts
    longer = host.python(SOCKETS, "jupyter-student1")
    student.stop()
    for label, values in (("plain `docker run`", plain), ("a start by the hub", ours)):
        rows.append((label, *(f"{value:.2f}" for value in quantiles(values))))

    with concurrent.futures.ThreadPoolExecutor(arguments.people) as pool:
        people = list(pool.map(host.person, [f"student{number}" for number in range(1, arguments.people + 1)]))
        began = time.monotonic()
        waits = list(pool.map(start, people))
        all_ready = time.monotonic() - began
        busy_memory = host.memory("labserver-hub")
        list(pool.map(HubClient.stop, people))
    rows.append((f"{arguments.people} at once, each", *(f"{value:.1f}" for value in quantiles(waits))))
    pull, pages = pages_while_pulling(host, arguments.pull_megabytes)
    rows.append((f"a page while {arguments.pull_megabytes} MB are fetched", *(f"{v:.3f}" for v in quantiles(pages))))

    limit = 1.3 * statistics.median(plain) + 1
    held = "held" if statistics.median(ours) <= limit else "MISSED"
    print(f"{arguments.starts} starts of each kind by turns, load {os.getloadavg()[0]:.1f} at the end.\n")
    print("| seconds | p50 | p95 |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\n- Limit at p50: 1.3 x {statistics.median(plain):.2f} + 1 = {limit:.2f} s: {held}.")
    print(f"- {arguments.people} at once: all ready after {all_ready:.1f} s.")
    print(f"- Memory of the hub: {idle_memory} idle, {busy_memory} with {arguments.people} servers.")
    print(f"- The guard: {guard_cpu * 1000:.1f} ms of processor time a start; each of some ten calls of a start takes"
          f" {longer * 1000:.2f} ms longer through it.")  # fmt: skip
    print(f"- The large image was fetched and tried in {pull:.1f} s; the slowest page took {max(pages):.3f} s.")


if __name__ == "__main__":
    main()
