# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random registries and random policies on a real registry.

Whatever is drawn: every kept tag still pulls with all its blobs, everything else is gone, a second run plans nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import api
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import Outcome, World, converge
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Limits, Plan, Protection
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.pause import supervised
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.plan import compare
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.scan import read_repositories
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from registry_server import BINARY, RegistryServer

DAY = 86400
NOW = time.time()
EXAMPLES = int(os.environ.get("REGISTRY_EXAMPLES", "8"))
"""Each takes a second or two; `make soak-long` draws 50."""
relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize="CI" in os.environ,
    database=None,
    phases=[Phase.generate] + ([Phase.shrink] if "REGISTRY_SHRINK" in os.environ else []),
)


@dataclass
class Repo:
    """What is pushed into one repository."""

    tags: dict[str, images.Thing] = field(default_factory=dict)
    pushed: dict[str, float] = field(default_factory=dict)  # tag -> days ago
    untagged: list[images.Thing] = field(default_factory=list)


@st.composite
def repos(draw: st.DrawFn, untagged: bool) -> Repo:
    """Images of both kinds, some on shared layers and digests, indexes (nested too), signatures, artifacts."""
    repo = Repo()
    days = st.integers(0, 60)
    plain: list[images.Thing] = []
    for number in range(draw(st.integers(1, 6))):
        age = draw(days)
        epoch = draw(st.sampled_from([False, False, False, True]))
        plain.append(
            images.image(
                f"i{number}",
                created="1970-01-01T00:00:00Z" if epoch else images.iso(NOW - age * DAY - 7200),
                layers=tuple(draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=3, unique=True))),
                docker=draw(st.booleans()),
            )
        )
    things = list(plain)
    for number in range(draw(st.integers(0, 3))):
        children = draw(st.lists(st.sampled_from(things), min_size=1, max_size=3, unique_by=lambda item: item.digest))
        oci = [child for child in children if not child.media_type.startswith(images.DOCKER)]
        docker = [child for child in plain if child in children and child.media_type.startswith(images.DOCKER)]
        if docker and draw(st.booleans()):
            things.append(images.index(f"x{number}", docker, docker=True))
        elif oci:
            things.append(images.index(f"x{number}", oci, attestations=draw(st.integers(0, 1)) if len(oci) > 1 else 0))
    for number, thing in enumerate(things):
        for alias in range(draw(st.integers(0, 2))):
            name = draw(st.sampled_from(["v1.{}.{}", "nightly-{}-{}", "b{}{}", "stable-{}{}"])).format(number, alias)
            repo.tags[name] = thing
            repo.pushed[name] = draw(days)
    for thing in draw(st.lists(st.sampled_from(things), max_size=2, unique_by=lambda item: item.digest)):
        signature = images.image(f"sig {thing.digest}", layers=("s" + thing.digest[-4:],))
        repo.tags[thing.digest.replace(":", "-") + ".sig"] = signature
        repo.pushed[thing.digest.replace(":", "-") + ".sig"] = draw(days)
    for thing in draw(st.lists(st.sampled_from(things), max_size=1)):
        # The list of referrers under a tag, where there is no referrers API (OCI 1.1); its children have no tag.
        referrer = images.image(f"ref {thing.digest}", layers=("q" + thing.digest[-4:],), subject=thing)
        repo.tags[thing.digest.replace(":", "-")] = images.index(f"of {thing.digest}", [referrer])
        repo.pushed[thing.digest.replace(":", "-")] = draw(days)
    for number, thing in enumerate(draw(st.lists(st.sampled_from(things), max_size=2))):
        sbom = images.image(
            f"sbom {number}", layers=(f"r{number}",), subject=thing, artifact_type="application/spdx+json"
        )
        if draw(st.booleans()):
            repo.tags[f"sbom-{number}"] = sbom
            repo.pushed[f"sbom-{number}"] = draw(days)
        elif untagged:
            repo.untagged.append(sbom)
    if untagged:
        repo.untagged += draw(st.lists(st.sampled_from(things), max_size=2))
    return repo


policies = st.builds(
    Policy,
    tags=st.sampled_from([("*",), ("b*", "nightly-*"), ("v*",)]),
    keep_tags=st.sampled_from([(), ("stable-*",), ("~v1[.]0.*",)]),
    remove_tags=st.sampled_from([(), ("nightly-*",)]),
    keep_last=st.integers(0, 4),
    keep_within=st.sampled_from([0.0, 10.0 * DAY]),
    keep_daily=st.integers(0, 2),
    keep_monthly=st.integers(0, 2),
    min_age=st.sampled_from([0.0, 5.0 * DAY]),
    order=st.sampled_from(["age", "semver", "name"]),
    count=st.sampled_from(["digests", "tags"]),
    remove_orphans=st.just(True),
)
ANYTHING = Limits(max_fraction=1.0, allow_empty=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with RegistryServer(tmp_path_factory.mktemp("registry")) as server:
        yield server


def fill(server: RegistryServer, content: dict[str, Repo]) -> images.Registry:
    """Empty the store, push everything, and set the times of the pushes."""
    shutil.rmtree(server.store / "docker", ignore_errors=True)
    registry = images.Registry(server.url)
    for name, repo in content.items():
        for thing in repo.untagged:
            registry.push(name, thing)
        for tag, thing in repo.tags.items():
            registry.push(name, thing, tag)
        folder = server.store / "docker/registry/v2/repositories" / name / "_manifests"
        for tag in repo.tags:
            when = NOW - repo.pushed[tag] * DAY - 60
            os.utime(folder / "tags" / tag / "current/link", (when, when))
        for link in folder.glob("revisions/sha256/*/link"):
            os.utime(link, (NOW - 61 * DAY,) * 2)
    return registry


def check_tags(registry: images.Registry, content: dict[str, Repo], plan: Plan) -> set[str]:
    """The tags that are left are those that the plan keeps, and all of them pull; return the digests they need."""
    needed: set[str] = set()
    for item in plan.repositories:
        assert registry.tags(item.name) == sorted(item.kept), item.name
        for tag in item.kept:
            found = registry.pull(item.name, tag)
            assert found == content[item.name].tags[tag].everything()
            needed |= found
        for digest in item.doomed:
            assert not registry.has(item.name, digest), digest
    return needed


def blobs_on_disk(server: RegistryServer) -> set[str]:
    return {
        f"sha256:{path.parent.name}" for path in (server.store / "docker/registry/v2/blobs").glob("sha256/*/*/data")
    }


def work(server: RegistryServer, todo: Desired) -> Outcome:
    assert server.process is not None
    stop = functools.partial(os.kill, server.process.pid, 10)
    with RegistryClient(server.url) as client:
        pause = functools.partial(supervised, server.locks, stop)
        return converge(World(Store(server.store), Cache(), client, pause, lambda: NOW), todo)


@relaxed
@given(data=st.data())
def test_maintenance_on_the_store(running: RegistryServer, data: st.DataObject) -> None:
    content = {name: data.draw(repos(untagged=True)) for name in ("lab/one", "lab/one/two")}
    policy = data.draw(policies)
    used = data.draw(st.sampled_from([None, *(thing for repo in content.values() for thing in repo.tags.values())]))
    protection = Protection(digests={used.digest: "in use on lab1 by demo"} if used else {})
    registry = fill(running, content)

    report = work(running, Desired([policy], protection, ANYTHING, grace=-DAY))
    note(
        str(
            [
                (verdict.tag, verdict.keep, verdict.rule)
                for item in report.plan.repositories
                for verdict in item.verdicts
            ]
        )
    )
    assert not report.broken and not report.warnings
    needed = check_tags(registry, content, report.plan)
    for name, repo in content.items():
        if used and used.digest in {thing.digest for thing in repo.tags.values()}:
            assert registry.pull(name, used.digest) == used.everything()
        # Of what has no tag there is left: referrers of what is left, and what is in use.
        for thing in repo.untagged:
            if registry.has(name, thing.digest):
                assert any(thing.digest in item.needed for item in report.plan.repositories if item.name == name)
                needed |= registry.pull(name, thing.digest)
    assert blobs_on_disk(running) == needed
    dry = [BINARY, "garbage-collect", "--dry-run", str(running.config)]
    if any(repo.tags or repo.untagged for repo in content.values()):  # it fails on a store without a repository
        eligible = subprocess.run(dry, capture_output=True, text=True, check=True).stdout
        assert "blob eligible for deletion:" not in eligible

    again = work(running, Desired([policy], protection, ANYTHING, grace=-DAY))
    assert (again.plan.removals, again.freed, again.changed) == (0, 0, False)


@pytest.mark.parametrize("retag", [False, True])
@relaxed
@given(data=st.data())
def test_pruning_over_the_api(running: RegistryServer, retag: bool, data: st.DataObject) -> None:
    content = {name: data.draw(repos(untagged=False)) for name in ("lab/one", "lab/one/two")}
    policy = data.draw(policies)
    registry = fill(running, content)
    cache = Cache()
    api.WORTH_MOVING = data.draw(st.sampled_from([0, 400]))  # all tags that go are moved, or only the others
    with RegistryClient(running.url) as client:
        abilities = api.probe(client, "lab/one")
        assert not abilities.problem
        can_untag = abilities.delete_tags or retag

        def plan() -> Plan:
            found = read_repositories(client, ["lab/one", "lab/one/two"], cache, NOW)
            return compare(found, [policy], now=NOW, can_untag=can_untag, limits=ANYTHING)

        first = plan()
        executor = api.ApiExecutor(client, cache, delete_tags=abilities.delete_tags, retag=retag)
        outcome = executor.run(first)
        note(str([(item.tag, item.keep, item.rule) for one in first.repositories for item in one.verdicts]))
        assert outcome.error == "" and outcome.skipped == []
        assert sorted(outcome.tags) == sorted(
            (item.name, tag) for item in first.repositories for tag, _ in item.remove_tags
        )
        check_tags(registry, content, first)
        assert plan().removals == 0

    # What nobody names any more goes with the collection, and nothing else does.
    work(running, Desired([], grace=-DAY))
    assert blobs_on_disk(running) == check_tags(registry, content, first)
