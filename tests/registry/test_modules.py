# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as ansible runs them, on a real registry: what they say against what was pushed and what is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import images
import pytest
from paths import ROOT
from registry_server import BINARY, RegistryServer

REPO = "lab/notebook"
DAY = 86400.0
NOW = time.time() - 600
POLICY = {"keep_last": 2, "keep_tags": ["stable"], "min_age": "0h"}


def run(module: str, *flags: str, **arguments: t.Any) -> tuple[dict[str, t.Any], str]:
    """Run a module here; return its result and all that was printed."""
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-i", "localhost,", "-c", "local"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}", "-m", f"labserver.jupyter.{module}"]
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"}
    env.pop("ANSIBLE_FORCE_COLOR", None)
    done = subprocess.run(
        [*command, "-a", json.dumps(arguments), *flags],
        capture_output=True, text=True, check=False, env=env, cwd=ROOT,
    )  # fmt: skip
    _before, arrow, rest = done.stdout.partition("=> ")
    assert arrow, done.stdout + done.stderr
    return json.JSONDecoder().raw_decode(rest)[0], done.stdout


def size(*things: images.Thing) -> int:
    """Bytes of all that pulling these transfers, each blob once."""
    blobs: dict[str, int] = {}

    def add(thing: images.Thing) -> None:
        blobs[thing.digest] = len(thing.body)
        blobs.update({images.sha256(blob): len(blob) for blob in thing.blobs})
        for child in thing.children:
            add(child)

    for thing in things:
        add(thing)
    return sum(blobs.values())


def on_disk(server: RegistryServer) -> int:
    return sum(path.stat().st_size for path in (server.store / "docker/registry/v2/blobs").glob("sha256/*/*/data"))


@pytest.mark.parametrize("way", ["api", "store"])
def test_info_tells_all_about_what_was_pushed(server: RegistryServer, way: str) -> None:
    registry = images.Registry(server.url)
    one = images.image("one", created="2026-01-02T03:04:05Z", layers=("base", "only one"), docker=True)
    two = images.image("two", created="2026-02-03T04:05:06Z", layers=("base", "only two"))
    epoch = images.image("epoch", created="1970-01-01T00:00:00Z", layers=("epoch",))
    proof = images.image("proof", layers=("proof",))
    both = images.index("both", [two, images.image("arm", created="2026-03-04T05:06:07Z"), proof], attestations=1)
    sbom = images.image("sbom", layers=("sbom",), subject=two, artifact_type="application/spdx+json")
    for tag, thing in (("one", one), ("two", two), ("alias", two), ("epoch", epoch), ("both", both), ("sbom", sbom)):
        registry.push(REPO, thing, tag)
    registry.push("lab/other", one, "same")
    nameless = images.image("nameless", layers=("nameless",))
    registry.push(REPO, nameless)
    links = server.store / f"docker/registry/v2/repositories/{REPO}/_manifests/tags"
    pushed = time.time() // 1 - 3 * DAY
    os.utime(links / "one/current/link", (pushed, pushed))

    where = {"url": server.url} if way == "api" else {"store": str(server.store)}
    result, _text = run("registry_info", **where)
    assert not result["changed"]
    found = {item["name"]: item for item in result["repositories"]}
    assert set(found) == {REPO, "lab/other"}
    tags = {item["name"]: item for item in found[REPO]["tags"]}
    assert set(tags) == {"one", "two", "alias", "epoch", "both", "sbom"}
    for tag, thing in (("one", one), ("two", two), ("alias", two), ("epoch", epoch), ("both", both), ("sbom", sbom)):
        assert (tags[tag]["digest"], tags[tag]["media_type"]) == (thing.digest, thing.media_type), tag
        assert tags[tag]["size_bytes"] == size(thing), tag
        assert tags[tag]["unique_bytes"] + tags[tag]["shared_bytes"] == tags[tag]["size_bytes"]
    assert {tag: item["created"] for tag, item in tags.items()} == {
        "one": "2026-01-02T03:04:05Z",
        "two": "2026-02-03T04:05:06Z",
        "alias": "2026-02-03T04:05:06Z",
        "epoch": None,  # a reproducible build says nothing
        "both": "2026-03-04T05:06:07Z",  # the youngest of its images; the attestation does not count
        "sbom": None,
    }
    assert {tag: item["platforms"] for tag, item in tags.items()} == {
        **{tag: ["linux/amd64"] for tag in ("one", "two", "alias", "epoch")},
        "both": ["linux/a0", "linux/a1"],
        "sbom": [],
    }
    assert (tags["sbom"]["subject"], tags["sbom"]["artifact_type"]) == (two.digest, "application/spdx+json")
    assert [tags[tag]["kind"] for tag in ("one", "both", "sbom")] == ["image", "index", "artifact"]
    # Bytes that nobody else needs: all of "epoch", nothing of what has two names, the index without its tagged child.
    assert tags["epoch"]["unique_bytes"] == size(epoch)
    assert (tags["one"]["unique_bytes"], tags["two"]["unique_bytes"]) == (0, 0)
    others = (one, two, epoch, sbom)
    assert tags["both"]["unique_bytes"] == size(*others, both) - size(*others)
    assert found[REPO]["size_bytes"] == size(*others, both)
    assert result["size_bytes"] == size(*others, both), "what two repositories share counts once"
    if way == "api":
        assert {item["pushed"] for item in tags.values()} == {None} and found[REPO]["untagged"] is None
    else:
        assert tags["one"]["pushed"] == datetime.fromtimestamp(pushed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert found[REPO]["untagged"] == [nameless.digest]


def build(number: int) -> images.Thing:
    """b0 is ten days old, b5 five."""
    return images.image(f"b{number}", created=images.iso(NOW - (10 - number) * DAY), layers=("base", f"l{number}"))


def fill(server: RegistryServer) -> images.Registry:
    registry = images.Registry(server.url)
    for number in range(6):
        thing = build(number)
        registry.push(REPO, thing, f"b{number}")
        if number == 1:
            registry.push(REPO, thing, "stable")
        if number == 2:
            registry.push(REPO, images.image("sig", layers=("sig",)), thing.digest.replace(":", "-") + ".sig")
    return registry


def test_the_table_of_check_mode_and_its_promise_over_the_api(server: RegistryServer, tmp_path: Path) -> None:
    """Promised bytes are those that a collection then really takes from the disk."""
    registry = fill(server)
    before = registry.tags(REPO)
    # 2.8 cannot remove a tag whose image stays, so with keep_last b1 stays with "stable".
    arguments = {"url": server.url, "policies": [POLICY], "max_fraction": 1.0}
    promised, text = run("registry_prune", "--check", "--diff", **arguments)
    assert promised["changed"] and not promised["bytes_exact"]
    assert registry.tags(REPO) == before
    row = {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line.startswith("  ")}
    assert row["TAG"] == "AGE SIZE BY"
    volume = size(build(0))
    assert volume < 1024
    assert row["b5"] == f"5 d {volume} B kept keep_last=2"
    assert row["stable"] == f"9 d {volume} B kept keep_tags stable"
    assert row["b0"] == f"10 d {volume} B REMOVED not kept by keep_last=2"
    signature = next(tag for tag in before if tag.endswith(".sig"))
    assert row[signature].endswith("REMOVED goes with its image")
    assert set(before) <= set(row)
    assert f"({promised['freed_bytes']} bytes) come free" in text

    done, _text = run("registry_prune", **arguments)
    assert sorted(done["removed_tags"]) == sorted(promised["removed_tags"])
    assert set(before) - set(registry.tags(REPO)) == {tag.partition(":")[2] for tag in promised["removed_tags"]}
    used = on_disk(server)
    assert (run("registry_prune", "--check", **arguments)[0])["changed"] is False
    server.stop()
    subprocess.run([BINARY, "garbage-collect", str(server.config)], check=True, capture_output=True)
    assert used - on_disk(server) == promised["freed_bytes"] > 0


class Service:
    """A registry that is stopped and started by commands, like one that somebody else set up."""

    def __init__(self, server: RegistryServer) -> None:
        self.server = server
        pid = server.store.parent / "pid"
        start = f"setsid {BINARY} serve {server.config} > {server.log} 2>&1 < /dev/null & echo $! > {pid}"
        self.arguments = {
            "store": str(server.store),
            "url": server.url,
            "stop_command": [
                "sh",
                "-c",
                f"kill $(cat {pid}); while kill -0 $(cat {pid}) 2> /dev/null; do sleep 0.05; done",
            ],
            "start_command": ["sh", "-c", start],
            "grace_seconds": -60,
        }
        self.stop = self.arguments["stop_command"]
        subprocess.run(self.arguments["start_command"], check=True)

    def wait(self) -> None:
        end = time.monotonic() + 20
        while not self.server.answers():
            assert time.monotonic() < end, self.server.log.read_text()
            time.sleep(0.05)


@pytest.fixture
def service(tmp_path: Path) -> t.Iterator[Service]:
    running = Service(RegistryServer(tmp_path))
    running.wait()
    yield running
    subprocess.run(running.stop, check=True)


def test_pruning_on_the_store_keeps_the_promise_of_check_mode(service: Service) -> None:
    registry = fill(service.server)
    before, used = registry.tags(REPO), on_disk(service.server)
    arguments = {**service.arguments, "policies": [{**POLICY, "age": "created"}], "max_fraction": 1.0}
    promised, text = run("registry_prune", "--check", "--diff", **arguments)
    assert promised["bytes_exact"] and f"({promised['freed_bytes']} bytes) come free" in text
    assert (registry.tags(REPO), on_disk(service.server)) == (before, used)
    done, _text = run("registry_prune", **arguments)
    assert done["removed_tags"] == promised["removed_tags"]
    assert used - on_disk(service.server) == promised["freed_bytes"] == done["freed_bytes"] > 0
    assert set(registry.tags(REPO)) == {"b4", "b5", "stable"}
    for tag in registry.tags(REPO):
        registry.pull(REPO, tag)
    assert run("registry_prune", **arguments)[0]["changed"] is False


@pytest.mark.parametrize("module", ["registry_prune", "registry_gc", "registry_info"])
@pytest.mark.parametrize("flags", [[], ["--check"]])
def test_a_store_that_is_not_there_is_told(
    server: RegistryServer, tmp_path: Path, module: str, flags: list[str]
) -> None:
    """A wrong path, and the empty folder where a disk was to be mounted."""
    fill(server)
    (tmp_path / "unmounted").mkdir()
    wrong = {"typo": "is no folder", "unmounted": "holds no repository"}
    if module == "registry_info":  # reads a store that no registry may serve, and a new one is empty
        del wrong["unmounted"]
    for name, words in wrong.items():
        done, _text = run(module, *flags, store=str(tmp_path / name), url=server.url)
        assert words in done.get("msg", "") and name in done["msg"], done
    assert server.answers()


def test_a_store_that_lost_everything_is_told(server: RegistryServer, tmp_path: Path) -> None:
    """Whoever serves an empty folder does so with a good conscience; only the last run knows better."""
    fill(server)
    cache = tmp_path / "cache"
    arguments = {"store": str(server.store), "url": server.url, "cache": str(cache), "policies": []}
    arguments |= {"stop_command": ["true"], "start_command": ["true"]}
    assert "msg" not in run("registry_prune", **arguments)[0]
    kept = cache.read_text()
    (server.store / "docker").rename(tmp_path / "elsewhere")
    done, _text = run("registry_prune", **arguments)
    assert "holds no manifest, though the last run saw 7" in done.get("msg", ""), done
    assert cache.read_text() == kept


def test_collection_alone(service: Service) -> None:
    """Takes the blobs of a deleted manifest; a collector that fails is told of, and the registry runs again."""
    registry = fill(service.server)
    gone = build(0)
    assert registry.call("DELETE", f"/v2/{REPO}/manifests/{gone.digest}")[0] == 202
    used = on_disk(service.server)
    expected = sum(len(part) for part in (gone.body, gone.blobs[0], gone.blobs[2]))
    assert run("registry_gc", "--check", **service.arguments)[0]["freed_bytes"] == expected
    assert on_disk(service.server) == used

    failing = ["sh", "-c", "echo the disk is full >&2; exit 5"]
    failed, _text = run("registry_gc", **service.arguments, collect_command=failing)
    assert "exit status 5: the disk is full" in failed["msg"]
    assert service.server.answers() and on_disk(service.server) == used

    done, _text = run("registry_gc", **service.arguments)
    assert used - on_disk(service.server) == done["freed_bytes"] == expected
    assert done["tags_verified"] == len(registry.tags(REPO)) == 7
    assert run("registry_gc", **service.arguments)[0]["changed"] is False
