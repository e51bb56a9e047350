# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance against pushes, kills and failures: nothing is lost, and the registry always runs again."""

from __future__ import annotations

import functools
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.lock import BusyError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import maintenance, pause
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import (
    RefusedError,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Limits
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.outlook import Outlook, Row
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.sweep import Sweeper
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from maintenance_parts import PRUNE, REPO, fill, work
from registry_server import RegistryServer


def test_pushes_during_maintenance_lose_nothing(server: RegistryServer) -> None:
    """A loop pushes all the while; every push that was acknowledged can be pulled afterwards."""
    fill(server)
    acknowledged: list[tuple[str, images.Thing]] = []
    refused = 0
    stop = threading.Event()

    def loop() -> None:
        nonlocal refused
        number = 0
        while not stop.is_set():
            number += 1
            # Layers of images that are about to go are used again, which is where a collection beside a push hurts.
            thing = images.image(f"p{number}", layers=("base", f"l{number % 6}", f"p{number}"))
            registry = images.Registry(server.url)
            try:
                registry.push("lab/live", thing, f"p{number}")
                acknowledged.append((f"p{number}", thing))
            except (OSError, AssertionError):
                refused += 1  # told so: the client knows that it has to push again
            registry.connection.close()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        for count in range(8):
            time.sleep(0.2)
            registry = images.Registry(server.url)
            for extra in range(3):
                registry.push(
                    REPO, images.image(f"c{count}-{extra}", layers=("base", f"l{extra}")), f"c{count}-{extra}"
                )
            todo = Desired([Policy(repositories=(REPO,), keep_last=1, order="name", min_age=0)], limits=PRUNE.limits)
            assert work(server, todo).broken == []
    finally:
        stop.set()
        thread.join()
    assert len(acknowledged) > 20
    registry = images.Registry(server.url)
    for tag, thing in acknowledged:
        assert registry.pull("lab/live", tag) == thing.everything()


def test_young_blobs_without_a_manifest_stay(server: RegistryServer) -> None:
    """The layers of a push that has not sent its manifest yet are no garbage."""
    registry = fill(server)
    thing = images.image("late", layers=("late",))
    for blob in thing.blobs:
        registry.push_blob(REPO, blob)
    report = work(server, Desired(PRUNE.policies, limits=PRUNE.limits))
    assert report.removed and report.young >= 2
    registry.push(REPO, thing, "late")
    assert registry.pull(REPO, "late") == thing.everything()


KILLED = """
import sys
sys.path[:0] = [sys.argv[1]]
import conftest, pathlib, types
import test_maintenance as tests
server = types.SimpleNamespace(
    store=pathlib.Path(sys.argv[2]), locks=pathlib.Path(sys.argv[3]), url=sys.argv[4],
    process=types.SimpleNamespace(pid=int(sys.argv[5])),
)
tests.die(sys.argv[6])
tests.work(server, tests.PRUNE)
"""


def die(when: str) -> None:
    """Let this process die, as by ``kill -9``: when a step begins, or after so many renames."""

    def dead(*_args: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if not when.isdigit():
        owner = Sweeper if hasattr(Sweeper, when) else maintenance
        setattr(owner, when, dead)
        return
    original = Sweeper._discard
    count = itertools.count()

    def discard(self: Sweeper, path: str | Path) -> int:
        if next(count) == int(when):
            dead()
        return original(self, path)

    Sweeper._discard = discard  # type: ignore[method-assign]


def kill_at(server: RegistryServer, when: str) -> None:
    """Let a run of the maintenance die at a step, or after so many renames."""
    assert server.process is not None
    folder = str(Path(__file__).parent)
    arguments = [folder, server.store, server.locks, server.url, server.process.pid, when]
    command = [sys.executable, "-c", KILLED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def check_after_a_kill(server: RegistryServer, registry: images.Registry) -> None:
    """Look whether the registry runs with everything whole, and whether the next run finishes the work."""
    server.wait(5)
    for tag in ("b4", "b5"):
        registry.pull(REPO, tag)
    # Whatever tag is still there is whole.
    for tag in registry.tags(REPO):
        registry.pull(REPO, tag)
    report = work(server, PRUNE)
    assert report.broken == []
    assert registry.tags(REPO) == ["b4", "b5"]
    blobs = {path.parent.name for path in (server.store / "docker/registry/v2/blobs").glob("sha256/*/*/data")}
    needed = registry.pull(REPO, "b4") | registry.pull(REPO, "b5")
    assert {f"sha256:{value}" for value in blobs} == needed
    assert list(server.store.glob(".trash*")) == []


STEPS = ["prepare", "remove", "collect", "wait_until_up", "empty", "_save", "_verify"]


@pytest.mark.parametrize("when", [*STEPS, "1", "3", "5", "9"])
def test_killed_in_the_middle_the_registry_runs_and_the_next_run_finishes(server: RegistryServer, when: str) -> None:
    registry = fill(server)
    kill_at(server, when)
    check_after_a_kill(server, registry)


def test_a_second_run_leaves_the_first_one_alone(server: RegistryServer) -> None:
    registry = fill(server)

    def meanwhile() -> None:
        before = sorted(server.store.glob(".trash*/*"))
        assert len(before) == 8  # four tags, four manifests
        with pytest.raises(BusyError):
            work(server, Desired(collector=lambda: None))
        assert sorted(server.store.glob(".trash*/*")) == before

    assert work(server, Desired(PRUNE.policies, limits=PRUNE.limits, collector=meanwhile)).broken == []
    assert registry.tags(REPO) == ["b4", "b5"]
    assert list(server.store.glob(".trash*")) == []


def test_what_a_killed_run_threw_away_goes_with_the_next(server: RegistryServer) -> None:
    fill(server)
    (server.store / ".trash.killed/7").mkdir(parents=True)
    work(server, PRUNE)
    assert list(server.store.glob(".trash*")) == []


def test_failed_collection_starts_the_registry_again(server: RegistryServer) -> None:
    registry = fill(server)

    def fails() -> None:
        assert not server.answers(), "the registry must rest while a collector is at work"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        work(server, Desired(collector=fails))
    assert server.answers()
    for tag in registry.tags(REPO):
        registry.pull(REPO, tag)


def test_guards_stop_before_the_registry_rests(server: RegistryServer) -> None:
    registry = fill(server)
    before = registry.tags(REPO)
    todo = Desired([Policy(remove_tags=("*",), min_age=0)])
    with pytest.raises(RefusedError, match="all 6 tags would be removed"):
        work(server, todo)
    with pytest.raises(RefusedError, match="more than max_removals=3"):
        work(server, Desired(PRUNE.policies, limits=Limits(max_removals=3)))
    with pytest.raises(RefusedError, match=r"4 of 6 tags would be removed, more than max_fraction=0\.5"):
        work(server, Desired(PRUNE.policies, limits=Limits(max_fraction=0.5)))
    assert registry.tags(REPO) == before


def test_check_predicts_the_bytes_and_touches_nothing(server: RegistryServer) -> None:
    registry = fill(server)

    def used() -> int:
        return sum(path.stat().st_size for path in (server.store / "docker/registry/v2/blobs").glob("sha256/*/*/data"))

    before = used()
    predicted = work(server, PRUNE, check=True)
    assert predicted.changed and used() == before and len(registry.tags(REPO)) == 6
    done = work(server, PRUNE)
    assert done.freed == predicted.freed == before - used() > 0
    row = predicted.outlook.repositories[REPO]
    assert (row.tags, row.remove_tags, row.bytes) == (6, 4, before)
    assert row.remove_bytes + predicted.outlook.unknown_bytes == done.freed
    assert done.outlook == Outlook({REPO: Row(2, used())}, 0)


def test_what_is_shared_with_what_stays_is_not_promised(server: RegistryServer) -> None:
    registry = fill(server, 3)
    registry.push("lab/other", images.image("b0", layers=("base", "l0")), "same")
    registry.push("lab/other", images.image("mine", layers=("l1", "mine")), "mine")
    keep_one = Policy(repositories=(REPO,), keep_last=1, order="name", min_age=0)
    todo = Desired([keep_one, Policy(keep_last=9, min_age=0)], limits=PRUNE.limits, grace=-60)
    outlook = work(server, todo, check=True).outlook
    only = images.image("b1", layers=("base", "l1")).everything()
    only -= images.image("b2", layers=("base", "l2")).everything()
    only -= images.image("mine", layers=("l1", "mine")).everything()
    places = (server.store / f"docker/registry/v2/blobs/sha256/{one[7:9]}/{one[7:]}/data" for one in only)
    assert outlook.repositories[REPO].remove_tags == 2
    assert outlook.repositories[REPO].remove_bytes == sum(place.stat().st_size for place in places) > 0
    assert outlook.repositories["lab/other"].remove_bytes == outlook.repositories["lab/other"].remove_tags == 0


def test_damaged_manifest_stops_removal_in_its_repository(server: RegistryServer) -> None:
    registry = fill(server)
    other = images.image("other", layers=("other",))
    registry.push("lab/other", other, "1")
    registry.push("lab/other", images.image("other 2", layers=("other",)), "2")
    value = images.image("b5", layers=("base", "l5")).digest.removeprefix("sha256:")
    (server.store / f"docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data").write_bytes(b"{}")
    report = work(server, Desired([Policy(keep_last=1, order="name", min_age=0)], grace=-60))
    assert len(registry.tags(REPO)) == 6
    assert any(value in problem for problem in report.plan.problems)
    assert registry.tags("lab/other") == ["2"]
    # Nobody knows what the damaged one needs, so of its repository no blob was taken either.
    assert report.freed > 0 and report.warnings == []
    for tag in ("b0", "b4"):
        registry.pull(REPO, tag)


def test_what_nobody_understands_stays_with_all_it_mentions(server: RegistryServer) -> None:
    """Schema 1 and a type that does not exist yet; a registry takes neither any more, but old stores hold them."""
    fill(server)
    base = server.store / "docker/registry/v2"
    layers = [b"an old layer", b"a new kind of layer"]
    digests = [images.sha256(layer) for layer in layers]
    old = {"schemaVersion": 1, "name": REPO, "tag": "old", "fsLayers": [{"blobSum": digests[0]}], "history": []}
    new = {"schemaVersion": 3, "mediaType": "application/vnd.lab.next.v1+json", "parts": [{"digest": digests[1]}]}
    bodies = {"b-old": json.dumps(old).encode(), "b-new": json.dumps(new).encode()}
    for blob in (*layers, *bodies.values()):
        value = images.sha256(blob).removeprefix("sha256:")
        folder = base / "blobs/sha256" / value[:2] / value
        folder.mkdir(parents=True)
        (folder / "data").write_bytes(blob)
    for tag, body in bodies.items():
        digest = images.sha256(body)
        manifests = base / "repositories" / REPO / "_manifests"
        for folder in (manifests / "tags" / tag / "current", manifests / "revisions/sha256" / digest[7:]):
            folder.mkdir(parents=True)
            (folder / "link").write_text(digest)
    todo = Desired(
        [Policy(remove_tags=("b*",), min_age=0)], limits=Limits(max_fraction=1.0, allow_empty=True), grace=-60
    )
    report = work(server, todo)
    (plan,) = report.plan.repositories
    assert {verdict.tag: verdict.rule for verdict in plan.verdicts if verdict.keep} == {
        "b-old": "unknown media type application/vnd.docker.distribution.manifest.v1+prettyjws",
        "b-new": "unknown media type application/vnd.lab.next.v1+json",
    }
    assert images.Registry(server.url).tags(REPO) == ["b-new", "b-old"]
    left = {path.read_bytes() for path in base.glob("blobs/sha256/*/*/data")}
    assert left == {*layers, *bodies.values()}


def test_second_maintenance_is_told_that_one_runs(server: RegistryServer) -> None:
    assert server.process is not None
    stop = functools.partial(os.kill, server.process.pid, signal.SIGUSR1)
    with pause.supervised(server.locks, stop):
        assert not server.answers()
        with pytest.raises(BusyError), pause.supervised(server.locks, stop):
            pass
    server.wait(5)


def test_foreign_registry_is_started_again_when_the_job_is_killed(tmp_path: Path) -> None:
    """With commands in place of the supervisor, a watching child runs the start command."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import conftest, os, pathlib, time\n"
        "from ansible_collections.labserver.jupyter.plugins.module_utils._registry import pause\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "with pause.commanded(['touch', f'{folder}/stopped'], ['touch', f'{folder}/started'], folder):\n"
        "    print('resting', flush=True)\n"
        "    time.sleep(60)\n"
    )
    job = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline() == "resting\n"
    assert (tmp_path / "stopped").exists() and not (tmp_path / "started").exists()
    job.kill()
    job.wait()
    end = time.monotonic() + 10
    while not (tmp_path / "started").exists():
        assert time.monotonic() < end, "the start command was not run"
        time.sleep(0.05)
