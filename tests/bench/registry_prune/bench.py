#!/usr/bin/env python3
# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures pruning side by side: this collection, registry-cli, a sequential loop and the server's own limit.

    python tests/bench/registry_prune/bench.py --registry-cli "PYTHON /path/to/registry-cli/registry.py" [--binary PATH]

The peers are given by their paths and are no part of the project. Everything runs on loopback on stores in --folder.
Each part is a run of a few minutes: --parts reading | deleting | many | growth. README.md tells more.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import functools
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "registry"), str(HERE.parents[1] / "support")]
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--registry-cli", help="command of registry-cli, with its Python")
parser.add_argument("--binary", default="docker-registry", help="the registry to measure with")
parser.add_argument("--tags", type=int, default=2000)
parser.add_argument("--rounds", type=int, default=2, help="of the part reading")
parser.add_argument(
    "--peer",
    action="append",
    default=[],
    metavar="NAME=COMMAND",
    help="another pruner; {url}, {host} and {repository} in its command are replaced",
)
PARTS = ("reading", "deleting", "many", "growth")
parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
parser.add_argument("--growth", type=int, nargs="+", default=[200, 2000, 20000], help="tags of the part growth")
parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
options = parser.parse_args()
os.environ["REGISTRY_BINARY"] = options.binary

import conftest  # noqa: E402, F401  (makes the checkout importable as the collection)
import images  # noqa: E402
import make_store  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import pause, prune  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import Outcome, World, converge  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Limits  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.plan import compare  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired  # noqa: E402
from registry_server import RegistryServer  # noqa: E402

REPO = "bench/repo"
LIMITS = Limits(max_fraction=1.0)


def policy(keep: int) -> Policy:
    return Policy(keep_last=keep, keep_tags=("stable-*",), min_age=0)


class Taken(t.NamedTuple):
    """Seconds on the clock, and seconds of CPU of the program that was measured and of the registry together."""

    wall: float
    cpu: float


def timed(function: t.Callable[[], t.Any]) -> tuple[Taken, t.Any]:
    began, started = cpu(), time.monotonic()
    result = function()
    return Taken(time.monotonic() - started, cpu() - began), result


def cpu() -> float:
    """CPU of this process and of those it waited for, and of the registry that runs now with all it was before."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + registry_cpu()


def registry_cpu() -> float:
    if Bench.running is None or Bench.running.process is None:
        return 0.0
    ticks, group = 0, Bench.running.process.pid
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def reference(url: str, repository: str, threads: int = 8) -> int:
    """The best client of the facts: kept-alive http.client in threads; list, manifest and configuration of each tag."""
    address = url.removeprefix("http://")
    local: dict[int, http.client.HTTPConnection] = {}
    import threading  # noqa: PLC0415

    def get(path: str) -> bytes:
        connection = local.setdefault(threading.get_ident(), http.client.HTTPConnection(address))
        connection.request("GET", path, headers={"Accept": images.ACCEPT})
        return connection.getresponse().read()

    tags = json.loads(get(f"/v2/{repository}/tags/list"))["tags"]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        bodies = pool.map(lambda tag: json.loads(get(f"/v2/{repository}/manifests/{tag}")), tags)
        configs = {body["config"]["digest"] for body in bodies}
        list(pool.map(lambda digest: json.loads(get(f"/v2/{repository}/blobs/{digest}"))["created"], configs))
    return 1 + len(tags) + len(configs)


def sequential(url: str, repository: str) -> int:
    """What a first script does: one request after the other, a connection each."""

    def get(path: str) -> t.Any:
        request = urllib.request.Request(url + path, headers={"Accept": images.ACCEPT})
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    tags = get(f"/v2/{repository}/tags/list")["tags"]
    for tag in tags:
        get(f"/v2/{repository}/blobs/{get(f'/v2/{repository}/manifests/{tag}')['config']['digest']}")
    return 1 + 2 * len(tags)


def wrk(url: str, repository: str, tag: str) -> str:
    """The server's own limit: plain GETs of one manifest."""
    if not shutil.which("wrk"):
        return "wrk is not installed"
    command = ["wrk", "-t2", "-c8", "-d5s", "-H", f"Accept: {images.ACCEPT}", f"{url}/v2/{repository}/manifests/{tag}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next(line.split()[1] for line in output.splitlines() if line.startswith("Requests/sec"))


def registry_cli(url: str, repository: str, *more: str) -> str:
    command = [*options.registry_cli.split(), "-r", url, "-i", repository, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"registry-cli failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return ""


def left(store: Path) -> str:
    """Return how much of a store is still there."""
    sizes = [path.stat().st_size for path in store.glob("docker/registry/v2/blobs/*/*/*/data")]
    return f"{len(sizes)} blobs of {sum(sizes)} bytes left"


def other(command: str, url: str, repository: str) -> str:
    text = command.format(url=url, host=url.removeprefix("http://"), repository=repository)
    return f"exit status {subprocess.run(text.split(), capture_output=True, check=False).returncode}"


def plan_api(url: str, cache: Cache, check: bool = True, retag: bool = False, keep: int = 80) -> prune.Outcome:
    with RegistryClient(url) as client:
        desired = Desired([policy(keep)], limits=LIMITS)
        return prune.converge(prune.World(client, cache), desired, check=check, retag=retag)


def plan_store(root: Path) -> int:
    repositories = Store(root).read(Cache(), time.time())
    return compare(repositories, [policy(80)], now=time.time(), can_untag=True, limits=LIMITS).removals


def maintenance(server: RegistryServer, keep: int = 80) -> Outcome:
    assert server.process is not None
    stop = functools.partial(os.kill, server.process.pid, signal.SIGUSR1)
    with RegistryClient(server.url) as client:
        rest = functools.partial(pause.supervised, server.locks, stop)
        desired = Desired([policy(keep)], limits=LIMITS, grace=-86400)
        return converge(World(Store(server.store), Cache(), client, rest), desired)


class Bench:
    """Keeps a pristine store, and serves fresh copies of it."""

    running: t.ClassVar[RegistryServer | None] = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def server(self, pristine: Path) -> RegistryServer:
        target = self.folder / "run"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        subprocess.run(["cp", "-a", str(pristine), str(target / "store")], check=True)
        os.sync()
        Bench.running = RegistryServer(target)
        return Bench.running

    def row(self, name: str, taken: Taken | float, remark: object = "") -> None:
        wall, used = (taken.wall, f"{taken.cpu:7.2f} s CPU") if isinstance(taken, Taken) else (taken, 13 * " ")
        print(f"{name:56} {wall:8.2f} s {used}  {remark}", flush=True)

    def reading(self, pristine: Path) -> None:
        with self.server(pristine) as server:
            for number in range(options.rounds):
                limit = wrk(server.url, REPO, "b1")
                print(f"-- reading {options.tags} tags, round {number + 1}; the server's limit: {limit} GET/s")
                self.row("reference: http.client, 8 threads", *timed(lambda: reference(server.url, REPO)))
                cache = Cache()
                self.row("plan over the API", *self.told(lambda cache=cache: plan_api(server.url, cache)))
                self.row(
                    "plan over the API, again (cache)", *self.told(lambda cache=cache: plan_api(server.url, cache))
                )
                self.row("plan on the store", *timed(lambda: plan_store(server.store)))
                if options.registry_cli:
                    arguments = ("--delete-by-hours", "10", "--dry-run")
                    peer = functools.partial(registry_cli, server.url, REPO, *arguments)
                    self.row("registry-cli, dry run by age", *timed(peer))
                if number == 0:
                    self.row("sequential loop", *timed(lambda: sequential(server.url, REPO)))

    def told(self, function: t.Callable[[], prune.Outcome]) -> tuple[Taken, str]:
        taken, result = timed(function)
        return taken, f"{result.requests} requests, {result.plan.removals} removals"

    def deleting(self, pristine: Path) -> None:
        print(f"-- deleting all but 80 and stable-* of {options.tags} tags, reading included")
        if options.registry_cli:
            with self.server(pristine) as server:
                arguments = ("--delete", "--num", "100")
                self.row("registry-cli --delete --num 100", *timed(lambda: registry_cli(server.url, REPO, *arguments)))
                server.stop()
                collect = [options.binary, "garbage-collect", str(server.config)]
                for name, command in (
                    ("  and its collection (registry garbage-collect)", collect),
                    # The manifests that only deleted indexes named, which the plain collection takes for wanted.
                    ("  and of what no tag needs (--delete-untagged)", [*collect, "--delete-untagged"]),
                ):
                    run = functools.partial(subprocess.run, command, capture_output=True, check=True)
                    self.row(name, timed(run)[0], left(server.store))
        for peer in options.peer:
            name, _equals, command = peer.partition("=")
            with self.server(pristine) as server:
                self.row(name, *timed(functools.partial(other, command, server.url, REPO)))
        for retag in (False, True):
            with self.server(pristine) as server:
                seconds, result = timed(functools.partial(plan_api, server.url, Cache(), check=False, retag=retag))
                if result.deleted.error or result.broken:
                    raise SystemExit(f"{result.deleted.error} {result.broken[:3]}")
                way = "tags, then digests" if result.abilities.delete_tags else "retag" if retag else "digests"
                remark = f"{len(result.deleted.tags)} tags, {result.requests} requests"
                self.row(f"prune over the API, {way}", seconds, remark)
                if result.abilities.delete_tags:
                    break
        with self.server(pristine) as server:
            self.maintained(server)

    def maintained(self, server: RegistryServer, keep: int = 80) -> None:
        seconds, report = timed(lambda: maintenance(server, keep))
        if report.broken:
            raise SystemExit(str(report.broken[:3]))
        remark = f"{report.removed} removed, {report.verified} tags verified, {left(server.store)}"
        self.row("maintenance on the store: downtime", report.downtime, remark)
        self.row("maintenance on the store: all, with verification", seconds)

    def many(self) -> None:
        pristine = self.folder / "many"
        pristine.mkdir()
        for number in range(20):
            make_store.fill(pristine, f"many/repo{number:02}", 100)
        print("-- 20 repositories of 100 tags, 10 kept")
        with self.server(pristine) as server:
            self.row("plan over the API", *self.told(lambda: plan_api(server.url, Cache(), keep=10)))
            self.row("prune over the API", *self.told(lambda: plan_api(server.url, Cache(), check=False, keep=10)))
        with self.server(pristine) as server:
            self.maintained(server, keep=10)
        if options.registry_cli:
            with self.server(pristine) as server:

                def each() -> int:
                    for number in range(20):
                        registry_cli(server.url, f"many/repo{number:02}", "--delete", "--num", "10")
                    return 20

                self.row("registry-cli --delete --num 10", *timed(each))
        shutil.rmtree(pristine)

    def growth(self) -> None:
        print("-- growth: each in a process of its own; memory is the largest of that process")
        for number in options.growth:
            folder = self.folder / f"growth{number}"
            folder.mkdir()
            server = Bench.running = RegistryServer(folder)
            make_store.fill(server.store, REPO, number)
            os.sync()
            with server:
                for way in ("store", "api", "maintenance"):
                    target = f"{server.url} {server.process and server.process.pid}"
                    command = [sys.executable, __file__, "--child", way, str(folder), target]
                    before = registry_cpu()
                    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                    wall, own, memory, remark = output.strip().split(maxsplit=3)
                    taken = Taken(float(wall), float(own) + registry_cpu() - before)
                    per_tag = taken.cpu * 1000 / number
                    self.row(f"{number} tags: {way}", taken, f"{per_tag:.2f} ms CPU a tag, {memory} MiB, {remark}")
            shutil.rmtree(folder)


def child(way: str, folder: str, target: str) -> None:
    """Measure one way in a fresh process; prints seconds, those of its CPU, the largest memory in MiB, and a remark."""
    url, pid = target.split()
    remark = "-"
    if way == "store":
        seconds, _result = timed(lambda: plan_store(Path(folder) / "store"))
    elif way == "api":
        seconds, _result = timed(lambda: plan_api(url, Cache()))
    else:
        stop = functools.partial(os.kill, int(pid), signal.SIGUSR1)
        with RegistryClient(url) as client:
            rest = functools.partial(pause.supervised, Path(folder) / "locks", stop)
            desired = Desired([policy(80)], limits=LIMITS, grace=-86400)
            cache = Cache(Path(folder) / "cache")
            world = World(Store(Path(folder) / "store"), cache, client, rest)
            seconds, report = timed(lambda: converge(world, desired))
            remark = f"downtime {report.downtime:.2f} s, {report.removed} removed, {len(report.broken)} broken"
    # Not ru_maxrss, which begins with what the parent needed.
    memory = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(seconds.wall, seconds.cpu, int(memory.split()[1]) // 1024, remark)


def main() -> None:
    if options.child:
        child(*options.child)
        return
    folder = Path(tempfile.mkdtemp(prefix="registry-bench-", dir=options.folder))
    try:
        version = subprocess.run(
            [options.binary, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        print(f"{version}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        bench = Bench(folder)
        pristine = folder / "pristine"
        pristine.mkdir()
        if {"reading", "deleting"} & set(options.parts):
            make_store.fill(pristine, REPO, options.tags)
            os.sync()
        if "reading" in options.parts:
            bench.reading(pristine)
        if "deleting" in options.parts:
            bench.deleting(pristine)
        if "many" in options.parts:
            bench.many()
        if "growth" in options.parts:
            bench.growth()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
