#!/usr/bin/env python3
# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures pruning side by side: this collection, registry-cli, a sequential loop and the server's own limit.

    python tests/bench/registry_prune/bench.py --registry-cli "PYTHON /path/to/registry-cli/registry.py" [--binary PATH]

The peers are given by their paths and are no part of the project. Everything runs on loopback on stores in --folder.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import http.client
import json
import os
import resource
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
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "registry")]
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--registry-cli", help="command of registry-cli, with its Python")
parser.add_argument("--binary", default="docker-registry", help="the registry to measure with")
parser.add_argument("--tags", type=int, default=2000)
parser.add_argument("--rounds", type=int, default=2)
parser.add_argument(
    "--scale", type=int, nargs="*", default=[], help="numbers of tags for the growth of time and memory"
)
parser.add_argument("--skip-deletes", action="store_true")
parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
options = parser.parse_args()
os.environ["REGISTRY_BINARY"] = options.binary

import conftest  # noqa: E402, F401  (makes the checkout importable as the collection)
import images  # noqa: E402
import make_store  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils import _registry_pause as pause  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry_cache import Cache  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry_client import RegistryClient  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry_maintenance import (  # noqa: E402
    Report,
    Work,
    maintain,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._registry_plan import (  # noqa: E402
    Limits,
    Protection,
    make_plan,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._registry_policy import Policy  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry_prune import Result, prune  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._registry_store import Store  # noqa: E402
from registry_server import RegistryServer  # noqa: E402

REPO = "bench/repo"
LIMITS = Limits(max_fraction=1.0)


def policy(keep: int) -> Policy:
    return Policy(keep_last=keep, keep_tags=("stable-*",), min_age=0)


def timed(function: t.Callable[[], t.Any]) -> tuple[float, t.Any]:
    started = time.monotonic()
    result = function()
    return time.monotonic() - started, result


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


def plan_api(url: str, cache: Cache, check: bool = True, retag: bool = False, keep: int = 80) -> Result:
    with RegistryClient(url) as client:
        return prune(client, cache, [policy(keep)], Protection(), LIMITS, check=check, retag=retag)


def plan_store(root: Path) -> int:
    repositories = Store(root).read(Cache(), time.time())
    return make_plan(repositories, [policy(80)], now=time.time(), can_untag=True, limits=LIMITS).removals


def maintenance(server: RegistryServer, keep: int = 80) -> Report:
    assert server.process is not None
    stop = functools.partial(os.kill, server.process.pid, signal.SIGUSR1)
    with RegistryClient(server.url) as client:
        rest = functools.partial(pause.supervised, server.locks, stop)
        work = Work([policy(keep)], limits=LIMITS, grace=-86400)
        return maintain(Store(server.store), Cache(), client, rest, work)


class Bench:
    """Keeps a pristine store, and serves fresh copies of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[tuple[str, float, str]] = []

    def server(self, pristine: Path) -> RegistryServer:
        target = self.folder / "run"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        subprocess.run(["cp", "-a", str(pristine), str(target / "store")], check=True)
        return RegistryServer(target)

    def row(self, name: str, seconds: float, remark: str = "") -> None:
        self.rows.append((name, seconds, remark))
        print(f"{name:62} {seconds:8.2f} s  {remark}", flush=True)

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

    def told(self, function: t.Callable[[], Result]) -> tuple[float, str]:
        seconds, result = timed(function)
        return seconds, f"{result.requests} requests, {result.plan.removals} removals"

    def deleting(self, pristine: Path) -> None:
        print(f"-- deleting all but 80 and stable-* of {options.tags} tags, reading included")
        if options.registry_cli:
            with self.server(pristine) as server:
                arguments = ("--delete", "--num", "100")
                self.row("registry-cli --delete --num 100", *timed(lambda: registry_cli(server.url, REPO, *arguments)))
                server.stop()
                collect = [options.binary, "garbage-collect", str(server.config)]
                self.row(
                    "  and its collection (registry garbage-collect)",
                    *timed(lambda: len(subprocess.run(collect, capture_output=True, check=True).stdout)),
                )
        for retag in (False, True):
            with self.server(pristine) as server:
                seconds, result = timed(functools.partial(plan_api, server.url, Cache(), check=False, retag=retag))
                if result.outcome.error or result.broken:
                    raise SystemExit(f"{result.outcome.error} {result.broken[:3]}")
                way = "tags, then digests" if result.abilities.delete_tags else "retag" if retag else "digests"
                self.row(f"prune over the API, {way}", seconds, f"{len(result.outcome.tags)} tags")
                if result.abilities.delete_tags:
                    break
        with self.server(pristine) as server:
            seconds, report = timed(lambda: maintenance(server))
            if report.broken:
                raise SystemExit(str(report.broken[:3]))
            remark = f"{report.removed} removed, {report.freed} bytes, {report.verified} tags verified"
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
            self.row("maintenance on the store: downtime", maintenance(server, keep=10).downtime)
        if options.registry_cli:
            with self.server(pristine) as server:

                def each() -> int:
                    for number in range(20):
                        registry_cli(server.url, f"many/repo{number:02}", "--delete", "--num", "10")
                    return 20

                self.row("registry-cli --delete --num 10", *timed(each))
        shutil.rmtree(pristine)

    def scale(self) -> None:
        print("-- growth: each in a process of its own")
        for number in options.scale:
            pristine = self.folder / f"scale{number}"
            pristine.mkdir()
            make_store.fill(pristine, REPO, number)
            with self.server(pristine) as server:
                for way in ("store", "api", "maintenance"):
                    arguments = [
                        way,
                        str(server.store.parent),
                        server.url + f" {server.process and server.process.pid}",
                    ]
                    command = [sys.executable, __file__, "--child", *arguments]
                    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                    seconds, memory = output.split()
                    self.row(f"{number} tags: {way}", float(seconds), f"{float(memory):.0f} MiB")
            shutil.rmtree(pristine)


def child(way: str, folder: str, target: str) -> None:
    """Measure one way in a fresh process; prints seconds and the largest memory in MiB."""
    url, pid = target.split()
    if way == "store":
        seconds, _result = timed(lambda: plan_store(Path(folder) / "store"))
    elif way == "api":
        seconds, _result = timed(lambda: plan_api(url, Cache()))
    else:
        stop = functools.partial(os.kill, int(pid), signal.SIGUSR1)
        with RegistryClient(url) as client:
            rest = functools.partial(pause.supervised, Path(folder) / "locks", stop)
            work = Work([policy(80)], limits=LIMITS, grace=-86400)
            seconds = maintain(Store(Path(folder) / "store"), Cache(), client, rest, work).downtime
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


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
        make_store.fill(pristine, REPO, options.tags)
        bench.reading(pristine)
        if not options.skip_deletes:
            bench.deleting(pristine)
            bench.many()
        bench.scale()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
