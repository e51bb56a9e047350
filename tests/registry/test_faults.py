# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that answers slowly, wrongly or not at all: a clear error, nothing lost, and the next run finishes."""

from __future__ import annotations

import re
from pathlib import Path

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import api
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.api import NO_DIGEST
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Limits
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.prune import Outcome, World, converge
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from fault_proxy import FaultProxy
from long_tests import long
from registry_server import RegistryServer

REPO = "lab/notebook"
POLICY = Policy(keep_last=2, keep_tags=("stable",), min_age=0)
LIMITS = Limits(max_fraction=1.0)
KEPT = {"b9", "stable", "multi"}  # the index is as young as its youngest image


def fill(server: RegistryServer) -> images.Registry:
    """Ten images, an index of the two newest, a tag that shares its image with an old one, and an old index."""
    registry = images.Registry(server.url)
    made = [images.image(f"b{n}", created=f"2026-01-0{n + 1}T00:00:00Z", layers=("base", f"l{n}")) for n in range(9)]
    made.append(images.image("b9", created="2026-02-01T00:00:00Z", layers=("base", "l9")))
    for number, thing in enumerate(made):
        registry.push(REPO, thing, f"b{number}")
    registry.push(REPO, made[1], "stable")
    registry.push(REPO, images.index("multi", [made[9], made[2]]), "multi")
    registry.push(REPO, images.index("old", [made[3], images.image("only", created="2026-01-01T00:00:00Z")]), "old")
    return registry


def run(url: str, cache: Path, **options: object) -> Outcome:
    with RegistryClient(url, retries=1, timeout=2, sleep=lambda _seconds: None) as client:
        return converge(World(client, Cache(cache)), Desired([POLICY], limits=LIMITS), **options)  # type: ignore[arg-type]


def check_done(server: RegistryServer, registry: images.Registry) -> None:
    """All is as a run without faults leaves it."""
    left = set(registry.tags(REPO))
    # b1 shares its image with stable, b2 is in the kept index: 2.8 cannot remove such a tag.
    assert left - {"b1", "b2"} == KEPT
    for tag in left:
        registry.pull(REPO, tag)
    revisions = server.store / f"docker/registry/v2/repositories/{REPO}/_manifests/revisions/sha256"
    assert len(list(revisions.glob("*/link"))) == 4  # b1, b2, b9 and the index


def check_nothing_lost(registry: images.Registry) -> None:
    for tag in KEPT:
        registry.pull(REPO, tag)


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        pytest.param(where, fault, marks=() if where == "manifests/b5" or fault == 404 else long("soak-long"))
        for where in ("tags/list", "manifests/b5", "manifests/multi", "blobs/")
        for fault in (401, 404, 429, 500, "truncate", "slow", "drop", "garbage")
    ],
)
def test_faults_while_reading_remove_nothing(server: RegistryServer, tmp_path: Path, where: str, fault: object) -> None:
    registry = fill(server)
    before = registry.tags(REPO)
    with FaultProxy(server.url, lambda _method, path, _number: fault if where in path else None) as proxy:
        try:
            result = run(proxy.url, tmp_path / "cache")
        except RegistryError as error:
            assert where in str(error)
        else:
            # 404 for the list is an empty repository; anything else that cannot be read is a problem of its repository.
            assert result.plan.removals == 0
            assert result.plan.problems or (where, fault) == ("tags/list", 404)
        assert not [
            entry for entry in proxy.log if entry[0] == "DELETE" and "0000" not in entry[1] and "probe" not in entry[1]
        ]
    assert registry.tags(REPO) == before
    run(server.url, tmp_path / "cache")
    check_done(server, registry)


@pytest.mark.parametrize(
    ("nth", "fault"),
    [
        pytest.param(nth, fault, marks=() if nth == 4 or fault == 500 else long("soak-long"))
        for nth in (1, 4, 8)  # the eighth is a child of an index that is gone by then
        for fault in (401, 405, 429, 500, "drop", "slow")
    ],
)
def test_faults_while_deleting(server: RegistryServer, tmp_path: Path, nth: int, fault: object) -> None:
    registry = fill(server)
    deletes: list[str] = []

    def broken(method: str, path: str, _number: int) -> object:
        if method == "DELETE" and "0000" not in path and "probe" not in path:
            deletes.append(path)
            return fault if len(deletes) >= nth else None
        return None

    with FaultProxy(server.url, broken) as proxy:
        result = run(proxy.url, tmp_path / "cache")
    assert result.deleted.error, "the error must be told"
    done = result.deleted.manifests
    assert all(not registry.has(REPO, digest) for _name, digest in done)
    if fault not in ("slow",):  # a slow registry has done what it did not tell in time
        assert len(done) <= nth + 7
    check_nothing_lost(registry)

    second = run(server.url, tmp_path / "cache")
    assert second.deleted.error == ""
    check_done(server, registry)
    assert run(server.url, tmp_path / "cache", check=True).plan.removals == 0


def test_wrong_404_for_a_delete_is_no_success_for_the_next_run(server: RegistryServer, tmp_path: Path) -> None:
    registry = fill(server)

    def broken(method: str, path: str, _number: int) -> object:
        return 404 if method == "DELETE" else None

    with FaultProxy(server.url, broken) as proxy:
        run(proxy.url, tmp_path / "cache")
    check_nothing_lost(registry)
    run(server.url, tmp_path / "cache")
    left = set(registry.tags(REPO))
    assert left - {"b1", "b2"} == KEPT


def test_deleting_switched_off_is_told_before_anything_is_touched(tmp_path: Path) -> None:
    with RegistryServer(tmp_path, delete=False) as server:
        registry = fill(server)
        before = registry.tags(REPO)
        result = run(server.url, tmp_path / "cache")
        assert "storage.delete.enabled" in result.abilities.problem
        assert result.deleted.tags == [] and registry.tags(REPO) == before


def test_a_tag_that_is_pushed_meanwhile_is_spared(server: RegistryServer, tmp_path: Path) -> None:
    """Somebody gives an image that is about to go a new name, after the plan and before the deletes."""
    registry = fill(server)
    doomed = images.image("b5", created="2026-01-06T00:00:00Z", layers=("base", "l5"))
    state = {"lists": 0}

    def meddle(method: str, path: str, _number: int) -> object:
        if method == "GET" and path.endswith("tags/list"):
            state["lists"] += 1
            if state["lists"] == 2:  # the look right before deleting
                images.Registry(server.url).push(REPO, doomed, "precious")
        return None

    with FaultProxy(server.url, meddle) as proxy:
        result = run(proxy.url, tmp_path / "cache")
    assert any(doomed.digest in text for text in result.deleted.skipped)
    registry.pull(REPO, "precious")


OVERHEAD = [  # a look at the clock and at the lists, and what this server lets one delete
    ("DELETE", f"/v2/{REPO}/manifests/probe"),
    ("DELETE", f"/v2/{REPO}/manifests/{NO_DIGEST}"),
    ("GET", "/v2/"),
    ("GET", "/v2/_catalog?n=1000"),
    ("GET", f"/v2/{REPO}/tags/list"),
]


def test_a_plan_costs_one_request_for_each_thing_and_the_next_one_head_per_tag(
    server: RegistryServer, tmp_path: Path
) -> None:
    registry = fill(server)

    def cost() -> list[tuple[str, str]]:
        with FaultProxy(server.url, lambda *_args: None) as proxy:
            run(proxy.url, tmp_path / "cache", check=True)
        return sorted((method, re.sub("probe-.*", "probe", path)) for method, path in proxy.log)

    everything = cost()
    first = [path for method, path in everything if (method, path) not in OVERHEAD]
    configs = 11  # ten images and the one that only the index "old" has
    assert len(first) == len(everything) - len(OVERHEAD) == len(registry.tags(REPO)) + 1 + configs
    assert len({path for path in first if "/blobs/" in path}) == configs
    run(server.url, tmp_path / "cache")
    tags = registry.tags(REPO)
    assert cost() == sorted([*OVERHEAD, *(("HEAD", f"/v2/{REPO}/manifests/{tag}") for tag in tags)])


def test_nothing_is_read_that_no_rule_needs(server: RegistryServer, tmp_path: Path) -> None:
    """Rules that ask for no time need no configuration, and what was read a moment ago is not read again."""
    registry = fill(server)
    before = registry.tags(REPO)
    desired = Desired([Policy(tags=("b*",), keep_last=2, order="name", min_age=0)], limits=LIMITS)
    with FaultProxy(server.url, lambda *_args: None) as proxy, RegistryClient(proxy.url) as client:
        outcome = converge(World(client, Cache(tmp_path / "cache")), desired)
    assert outcome.deleted.tags and (outcome.deleted.error, outcome.broken) == ("", [])
    left = registry.tags(REPO)
    paths = [
        (method, path) for method, path in proxy.log if (method, re.sub("probe-.*", "probe", path)) not in OVERHEAD
    ]
    assert not [path for _method, path in paths if "/blobs/" in path]
    counts = {method: len([one for one in paths if one[0] == method]) for method in ("GET", "HEAD", "DELETE")}
    children = 1  # of the index "old", which has no tag
    assert counts == {
        "GET": len(before) + children,
        "HEAD": len(left) + children,  # that what is kept can be pulled
        "DELETE": len(outcome.deleted.manifests),
    }
    assert all(registry.pull(REPO, tag) for tag in left)
    # The times that were not read are read when a rule asks for them.
    with RegistryClient(server.url) as client:
        again = converge(
            World(client, Cache(tmp_path / "cache")), Desired([Policy(keep_last=1, min_age=0)]), check=True
        )
    assert all(item.time is not None for one in again.plan.repositories for item in one.verdicts if item.tag[0] == "b")


def test_digests_are_deleted_when_few_tags_are_left(
    server: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting by digest makes the server read every tag; so those that go are taken away or moved before."""
    registry = fill(server)
    monkeypatch.setattr(api, "WORTH_MOVING", 1)
    doomed = {
        images.image(f"b{n}", created=f"2026-01-0{n + 1}T00:00:00Z", layers=("base", f"l{n}")).digest for n in (0, 5)
    }
    seen: list[set[str]] = []

    def look(method: str, path: str, _number: int) -> object:
        if method == "DELETE" and path.rpartition("/")[2] in doomed:
            seen.append(set(images.Registry(server.url).tags(REPO)))
        return None

    with FaultProxy(server.url, look) as proxy:
        result = run(proxy.url, tmp_path / "cache", retag=True)
    assert (result.deleted.error, result.broken) == ("", [])
    assert seen == [KEPT, KEPT]
    assert set(registry.tags(REPO)) == KEPT
    check_nothing_lost(registry)
