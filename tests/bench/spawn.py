# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of a server costs: by the hub and by plain `docker run` of the same image, side by side.

    python tests/bench/spawn.py [--starts 10] [--people 20] [notebook scientific]

On the engine of this machine, with a lab of real parts: nginx, the hub's proxy, hub and guard as processes. Images are
built when they are not here. Prints Markdown. Seconds on the clock depend on what else the machine does; seconds of
processor time hardly do. A start is measured from the request until the server answers; people wait as browsers do,
with one request that tells the progress.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("soak/images", "images", "hub", "hub_process", "support")]
from hub_package import make_importable  # noqa: E402 - needs the paths above

make_importable()
sys.path.append(str(ROOT / "plugins"))
import cgroups  # noqa: E402
import collection  # noqa: E402, F401 - image_builds needs it
import image_builds  # noqa: E402
import urllib3  # noqa: E402
from hub_client import HubClient  # noqa: E402
from stack import NETWORK, Stack, docker  # noqa: E402

SETTLE_SECONDS = 15.0
PLAIN = "bench-plain"
TICKS = os.sysconf("SC_CLK_TCK")
# For the scientific image, on two processors with nothing else to do.
GOALS = {"plain": 0.6, "hub": 1.0, "at once": 8.0, "megabytes": 75.0}


@dataclass
class Measured:
    """Seconds on the clock of one kind of start, and seconds of processor time of each part, one value a start."""

    seconds: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    hub: list[float] = field(default_factory=list)
    guard: list[float] = field(default_factory=list)


def process_seconds(pid: int) -> float:
    """Return the processor time of a process and of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def identity(container: str) -> str:
    return docker("inspect", "--format={{.Id}}", container)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return b"version" in answer.read()
    except OSError:
        return False


def wait(check: Callable[[], bool], seconds: float = 120, pause: float = 0.01) -> None:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            sys.exit("a server did not answer")
        time.sleep(pause)


def plain(image: str, into: Measured) -> None:
    """Start a server without a hub, with what the hub gives as well: a person, an init, limits."""
    docker("rm", "--force", PLAIN)
    began = time.monotonic()
    docker("run", "--detach", "--name", PLAIN, "--init", "--user=64999:64999", "--env=HOME=/tmp", "--workdir=/tmp",
           f"--network={NETWORK}", "--cap-drop=ALL", "--memory=3g", "--cpus=2", image, "jupyter-lab", "--ip=0.0.0.0",
           "--port=8888", "--no-browser", "--ServerApp.base_url=/x")  # fmt: skip
    address = docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", PLAIN)
    wait(lambda: answers(f"http://{address}:8888/x/api"))
    into.seconds.append(time.monotonic() - began)
    into.server.append(cgroups.cpu_seconds(identity(PLAIN)))
    docker("rm", "--force", PLAIN)


def start(person: HubClient, image: str) -> float:
    """Start a server as a browser does; returns the seconds until it answers through the front door."""
    began = time.monotonic()
    while person.start(image).status_code == 429:  # as many start already as the hub takes at once
        time.sleep(0.5)
    with person.api("GET", f"/hub/api/users/{person.name}/server/progress", stream=True) as told:
        for line in told.iter_lines():
            if b'"failed": true' in line:
                sys.exit(f"the server of {person.name} did not start: {line.decode()}")
            if b'"ready": true' in line:
                break
    wait(lambda: "version" in person.get(f"/user/{person.name}/api").text)
    return time.monotonic() - began


def by_hub(stack: Stack, person: HubClient, image: str, into: Measured) -> None:
    pids = {name: stack.hub.processes[name].pid for name in ("hub", "guard")}
    before = {name: process_seconds(pid) for name, pid in pids.items()}
    into.seconds.append(start(person, image))
    into.server.append(cgroups.cpu_seconds(identity(f"soak-jupyter-{person.name}")))
    into.hub.append(process_seconds(pids["hub"]) - before["hub"])
    into.guard.append(process_seconds(pids["guard"]) - before["guard"])
    person.stop()


def available() -> int:
    """Return the bytes of memory that the machine has left."""
    line = next(one for one in Path("/proc/meminfo").read_text().splitlines() if one.startswith("MemAvailable"))
    return int(line.split()[1]) << 10


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile (the greatest of few)."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def held(value: float, goal: str) -> str:
    return f"{'held' if value <= GOALS[goal] else 'missed'} ({GOALS[goal]:g})"


def compare(stack: Stack, name: str, image: str, starts: int) -> None:
    """Print what single starts of both kinds cost, by turns: what else the machine does meets both alike."""
    person = stack.person("student1")
    own, ours = Measured(), Measured()
    plain(image, Measured())  # the first of each warms the page cache, and is not counted
    by_hub(stack, person, f"{name}:1", Measured())
    for _ in range(starts):
        plain(image, own)
        by_hub(stack, person, f"{name}:1", ours)
    for kind, one in (("plain", own), ("hub", ours)):
        p50, p95 = quantiles(one.seconds)
        parts = [f"{statistics.median(part):.2f}" if part else "" for part in (one.server, one.hub, one.guard)]
        words = "plain `docker run`" if kind == "plain" else "by the hub"
        goal = held(p50, kind) if name == "scientific" else ""
        print(f"| `{name}`, {words} | {p50:.2f} | {p95:.2f} | {' | '.join(parts)} | {goal} |", flush=True)
    print(f"| `{name}`, hub : plain | {statistics.median(ours.seconds) / statistics.median(own.seconds):.2f} |||||")


def at_once(stack: Stack, name: str, count: int) -> None:
    """Print how long people wait who start together, and what their servers then keep in memory."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        people = list(pool.map(stack.person, [f"student{number}" for number in range(1, count + 1)]))
        free, hub = available(), process_seconds(stack.hub.processes["hub"].pid)
        waits = list(pool.map(lambda person: start(person, f"{name}:1"), people))
        hub = process_seconds(stack.hub.processes["hub"].pid) - hub
        servers = [identity(f"soak-jupyter-{person.name}") for person in people]
        cpu = statistics.median(map(cgroups.cpu_seconds, servers))
        time.sleep(SETTLE_SECONDS)
        memory = statistics.median(map(cgroups.memory_bytes, servers)) / 1e6
        whole = (free - available()) / count / 1e6
        p50, p95 = quantiles(waits)
        goal = held(p95, "at once") if name == "scientific" else ""
        print(f"| `{name}`, {count} at once | {p50:.1f} | {p95:.1f} | {cpu:.2f} | {hub / count:.2f} || {goal} |")
        goal = f": {held(whole, 'megabytes')}" if name == "scientific" else ""
        print(
            f"| `{name}`, idle | {memory:.0f} MB its own, {whole:.0f} MB less on the machine{goal} ||||||", flush=True
        )
        list(pool.map(HubClient.stop, people))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", default=["notebook", "scientific"])
    parser.add_argument("--starts", type=int, default=10, help="how many of each kind (default: 10)")
    parser.add_argument("--people", type=int, default=20, help="how many start at once (default: 20)")
    arguments = parser.parse_args()
    urllib3.disable_warnings()  # the front door's certificate is its own
    images = {name: image_builds.image(name) for name in arguments.images}
    people = {f"student{number}": (21000 + number, ("course",)) for number in range(1, arguments.people + 1)}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder), images, image_builds.proxy(), people, docker_socket="/var/run/docker.sock")
        try:
            stack.begin()
            print(f"{arguments.starts} starts of each kind by turns; load {os.getloadavg()[0]:.1f} at the beginning.\n")
            print("| what | p50 s | p95 s | CPU of the server | of the hub | of the guard | goal |")
            print("|---|---|---|---|---|---|---|")
            for name, image in images.items():
                compare(stack, name, image, arguments.starts)
                at_once(stack, name, arguments.people)
            print(f"\nLoad {os.getloadavg()[0]:.1f} at the end, {os.cpu_count()} processors.")
        finally:
            stack.close()


if __name__ == "__main__":
    main()
