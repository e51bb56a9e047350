# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be read, or is no image, concerns its own repository; the others are pruned and collected as ever."""

from __future__ import annotations

import functools
import json
import os
import signal
import typing as t

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import maintenance, pause, prune
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.info import summarise
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Limits, Plan
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.scan import read_repositories
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from registry_server import RegistryServer

BAD, GOOD = "lab/bad", "lab/good"
WANTED = Desired([Policy(keep_last=1, order="name", min_age=0)], limits=Limits(max_fraction=1.0), grace=-60)
WAYS = ["api", "store"]


def converge(server: RegistryServer, way: str) -> tuple[Plan, list[str]]:
    """Prune; return the plan and the warnings."""
    assert server.process is not None
    with RegistryClient(server.url) as client:
        if way == "api":
            outcome = prune.converge(prune.World(client, Cache()), WANTED)
            assert (outcome.deleted.error, outcome.broken) == ("", [])
            return outcome.plan, []
        stop = functools.partial(os.kill, server.process.pid, signal.SIGUSR1)
        rest = functools.partial(pause.supervised, server.locks, stop)
        done = maintenance.converge(maintenance.World(Store(server.store), Cache(), client, rest), WANTED)
        assert done.broken == []
        return done.plan, done.warnings


def fill(server: RegistryServer) -> images.Registry:
    registry = images.Registry(server.url)
    for name in (BAD, GOOD):
        for number in range(3):
            layers = ("base", f"{name} {number}")
            registry.push(name, images.image(f"{name} {number}", layers=layers), f"b{number}")
    return registry


def blobs(server: RegistryServer) -> set[str]:
    found = (server.store / "docker/registry/v2/blobs").glob("sha256/*/*/data")
    return {f"sha256:{path.parent.name}" for path in found}


def build_cache(name: str) -> tuple[images.Thing, list[bytes]]:
    """A cache as BuildKit before 0.21 exports it: an OCI index that lists layers and a configuration of its own."""
    layers = [f"cache layer {name} {number}".encode() for number in range(2)]
    config = json.dumps({"layers": [{"blob": images.sha256(layer)} for layer in layers], "records": []}).encode()
    entries = [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": images.sha256(layer), "size": len(layer)}
        for layer in layers
    ]
    kind = "application/vnd.buildkit.cacheconfig.v0"
    entries.append({"mediaType": kind, "digest": images.sha256(config), "size": len(config)})
    document = {"schemaVersion": 2, "mediaType": images.OCI + "index.v1+json", "manifests": entries}
    return images.Thing(images.OCI + "index.v1+json", json.dumps(document).encode(), []), [*layers, config]


@pytest.mark.parametrize("way", WAYS)
def test_a_build_cache_is_kept_or_pruned_like_an_image(server: RegistryServer, way: str) -> None:
    registry = fill(server)
    caches = {}
    for tag in ("a-cache", "z-cache"):
        cache, parts = caches[tag] = build_cache(tag)
        for part in parts:
            registry.push_blob(BAD, part)
        # Debian's registry takes an index only whose entries are there; what lists layers came from another one.
        put(server, BAD, tag, cache.body)
    plan, warnings = converge(server, way)
    assert (plan.problems, warnings) == ([], [])
    assert registry.tags(GOOD) == ["b2"]
    assert registry.tags(BAD) == ["z-cache"]
    if way == "store":
        left = blobs(server)
        assert {images.sha256(part) for part in caches["z-cache"][1]} <= left
        assert not {images.sha256(part) for part in caches["a-cache"][1]} & left


def put(server: RegistryServer, repository: str, tag: str, body: bytes) -> None:
    """Write a manifest into the store as another version of the registry would have."""
    base, digest = server.store / "docker/registry/v2", images.sha256(body)
    value = digest[7:]
    blob = base / "blobs/sha256" / value[:2] / value
    manifests = base / "repositories" / repository / "_manifests"
    links = [manifests / "tags" / tag / "current", manifests / "revisions/sha256" / value]
    links.append(manifests / "tags" / tag / "index/sha256" / value)
    for folder in (blob, *links):
        folder.mkdir(parents=True, exist_ok=True)
    (blob / "data").write_bytes(body)
    for folder in links:
        (folder / "link").write_text(digest)


def damage(server: RegistryServer, how: str) -> None:
    base = server.store / "docker/registry/v2"
    if how == "link":
        (base / "repositories" / BAD / "_manifests/tags/b1/current/link").write_text("")
        return
    value = images.image(f"{BAD} 1", layers=("base", f"{BAD} 1")).digest[7:]
    (base / f"blobs/sha256/{value[:2]}/{value}/data").write_bytes(b"" if how == "empty" else b"{}")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["empty", "other", "link"])
def test_a_damaged_tag_ends_nothing_elsewhere(server: RegistryServer, way: str, how: str) -> None:
    registry = fill(server)
    before = blobs(server)
    damage(server, how)
    plan, warnings = converge(server, way)
    (problem,) = plan.problems
    assert problem.startswith(f"{BAD}: ") and "push" in problem and "b1" in problem, problem
    assert registry.tags(BAD) == ["b0", "b1", "b2"] and registry.tags(GOOD) == ["b2"]
    assert warnings == []
    if way == "store":
        # What the damaged one needs is unknown: all that its repository holds stays, and the garbage of others goes.
        gone = {images.image(f"{GOOD} {number}", layers=("base", f"{GOOD} {number}")).digest for number in (0, 1)}
        assert gone <= before - blobs(server)
        layers = {images.sha256(f"layer {BAD} {number}".encode() * 5) for number in range(3)}
        assert layers <= blobs(server)
    for tag in ("b0", "b2"):
        registry.pull(BAD, tag)


@pytest.mark.parametrize("how", ["empty", "other", "link"])
def test_the_remedy_in_the_message_works(server: RegistryServer, how: str) -> None:
    registry = fill(server)
    damage(server, how)
    converge(server, "store")
    thing = images.image(f"{BAD} 1", layers=("base", f"{BAD} 1"))
    if how != "link":
        assert registry.call("DELETE", f"/v2/{BAD}/manifests/{thing.digest}")[0] == 202
        plan, warnings = converge(server, "store")
        assert (plan.problems, warnings) == ([], [])
    registry.push(BAD, thing, "b1")
    assert registry.pull(BAD, "b1") == thing.everything()
    plan, warnings = converge(server, "store")
    assert (plan.problems, warnings) == ([], [])


def test_info_tells_of_damage(server: RegistryServer) -> None:
    fill(server)
    damage(server, "empty")
    with RegistryClient(server.url) as client:
        found: dict[str, t.Any] = summarise(read_repositories(client, [BAD, GOOD], Cache(), 0))
    bad, good = found["repositories"]
    assert [tag["name"] for tag in bad["tags"]] == ["b0", "b2"] and "tag b1" in bad["problems"][0]
    assert len(good["tags"]) == 3 and good["problems"] == []
