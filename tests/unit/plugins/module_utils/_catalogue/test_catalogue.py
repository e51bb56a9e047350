# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: from pushed tags to images that people can start."""

from __future__ import annotations

import json
import threading
import time
import typing as t
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import model as catalogue
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.registry import ImageError, LabRegistry
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.service import BROKEN_AGAIN_SECONDS, Service
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.trial import Outcome
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protect import ProtectionError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RawManifest, RegistryError


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


class FakeRegistry:
    """A registry: repository -> tag -> digest."""

    def __init__(self) -> None:
        self.content: dict[str, dict[str, str]] = {"notebook": {"1.0": sha("a")}}
        self.labels: dict[str, dict[str, str]] = {}
        self.away = False
        self.odd: set[str] = set()
        self.silent: dict[str, int | None] = {}  # repository, repository:tag or digest -> the status of the answer
        self.artifacts: set[str] = set()

    def repositories(self) -> list[str]:
        if self.away:
            raise RegistryError("connection refused")
        return sorted(self.content)

    def tags(self, repository: str) -> list[str]:
        self._answer(repository)
        return sorted(self.content[repository])

    def _answer(self, what: str) -> None:
        if what in self.silent:
            raise RegistryError(f"GET {what}: HTTP {self.silent[what]}", self.silent[what])

    def digest(self, repository: str, reference: str) -> str | None:
        self._answer(f"{repository}:{reference}")
        return self.content[repository].get(reference)

    def description(self, repository: str, digest: str) -> tuple[Mapping[str, str], str, int] | None:
        self._answer(digest)
        if digest in self.artifacts:
            return None
        if digest in self.odd:
            raise ImageError("it is not made for this kind of processor")
        return self.labels.get(digest, {}), "2026-11-20T09:00:00Z", 123


class FakeEngine:
    """An engine: what is here, what was fetched, and how servers come up."""

    def __init__(self) -> None:
        self.here: set[str] = set()
        self.pulled: list[str] = []
        self.tried: list[int] = []
        self.results: dict[str, Outcome] = {}
        self.hanging: dict[str, threading.Event] = {}
        self.full = False
        self.error = ""
        self.used_by_containers: set[str] = set()
        self.seen_while_pulling: t.Callable[[], None] = lambda: None

    def has(self, reference: str) -> bool:
        return reference in self.here

    def pull(self, reference: str, username: str, password: str) -> None:
        assert (username, password) == ("puller", "secret")
        self.seen_while_pulling()
        if self.error:
            raise EngineError(self.error, 500)
        if self.full:
            raise EngineError("no space left on device", 500)
        self.pulled.append(reference)
        self.here.add(reference)

    def remove(self, reference: str) -> bool:
        if reference in self.used_by_containers:
            return False
        self.here.discard(reference)
        return True

    def try_out(self, name: str, reference: str, memory_bytes: int) -> Outcome:
        self.tried.append(memory_bytes)
        if reference in self.hanging:
            self.hanging[reference].wait(60)
        return self.results.get(reference, Outcome(True, "6.1.1"))


class Lab:
    """One catalogue with its surroundings."""

    def __init__(self, folder: Path) -> None:
        self.registry, self.engine, self.now = FakeRegistry(), FakeEngine(), 1000.0
        self.settings: dict[str, t.Any] = {
            "registry": "127.0.0.1:5000",
            "output": str(folder / "images.json"),
            "repositories": ["*"],
        }
        self.said: list[str] = []
        self.used: set[str] | None = set()
        self.restart()

    def restart(self, pool: ThreadPoolExecutor | None = None) -> None:
        self.service = Service(
            self.settings,
            self.registry,
            t.cast(t.Any, self.engine),
            credentials=lambda: ("puller", "secret"),
            clock=lambda: self.now,
            say=self.said.append,
            pool=pool,
            used=self.uses,
        )

    def uses(self) -> set[str]:
        if self.used is None:
            raise ProtectionError("choices.json is missing")
        return self.used

    def days(self, count: float) -> None:
        self.now += count * 86400
        self.service.round()

    def document(self) -> dict[str, t.Any]:
        return t.cast(dict[str, t.Any], json.loads(Path(self.settings["output"]).read_text()))

    def states(self) -> dict[str, str]:
        return {f"{one['repository']}:{one['tag']}": one["state"] for one in self.document()["images"]}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_pushed_tag_is_fetched_tried_and_offered(lab: Lab) -> None:
    lab.engine.seen_while_pulling = lambda: (
        pytest.fail("not announced") if lab.states() != {"notebook:1.0": "pulling"} else None
    )
    assert lab.service.round()
    image = lab.document()["images"][0]
    assert image == {
        "repository": "notebook", "tag": "1.0", "digest": sha("a"), "reference": f"127.0.0.1:5000/notebook@{sha('a')}",
        "title": "notebook", "description": "", "created": "2026-11-20T09:00:00Z", "size_bytes": 123, "groups": None,
        "limits": {}, "state": "ready", "reason": "",
    }  # fmt: skip


def test_nothing_new_writes_nothing_and_fetches_nothing(lab: Lab) -> None:
    lab.service.round()
    before = Path(lab.settings["output"]).stat().st_ino
    lab.restart()
    assert not lab.service.round()
    assert Path(lab.settings["output"]).stat().st_ino == before
    assert len(lab.engine.pulled) == 1


def test_a_moved_tag_is_offered_by_its_new_digest(lab: Lab) -> None:
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("b")
    assert lab.service.round()
    assert [one["digest"] for one in lab.document()["images"]] == [sha("b")]
    assert lab.states() == {"notebook:1.0": "ready"}


def test_a_deleted_tag_is_no_longer_offered(lab: Lab) -> None:
    lab.registry.content["notebook"]["2.0"] = sha("b")
    lab.service.round()
    del lab.registry.content["notebook"]["1.0"]
    lab.service.round()
    assert lab.states() == {"notebook:2.0": "ready"}


def test_a_registry_that_is_away_changes_nothing(lab: Lab) -> None:
    lab.service.round()
    lab.registry.away = True
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


FAULTS = [
    (Outcome(False, status=127, output="exec: jupyterhub-singleuser: not found"), "(status 127): exec"),
    (Outcome(False, status=1, output="Traceback\nNo module named 'jupyterhub'\n"), "No module named 'jupyterhub'"),
    (Outcome(False, status=137, out_of_memory=True), "needs more than 1024 MiB to start"),
    (Outcome(True, "4.1.6"), "it has JupyterHub 4.1.6; the hub needs 5 or later"),
    (Outcome(True, ""), "no server of JupyterHub 5"),
]


@pytest.mark.parametrize(("outcome", "reason"), FAULTS)
def test_an_image_without_a_server_is_not_offered(lab: Lab, outcome: Outcome, reason: str) -> None:
    lab.engine.results[f"127.0.0.1:5000/notebook@{sha('a')}"] = outcome
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    assert reason in lab.document()["images"][0]["reason"]
    assert any(reason in line for line in lab.said), "the pusher sees it in the journal"
    lab.now += BROKEN_AGAIN_SECONDS + 1
    lab.service.round()
    assert len(lab.said) == 1, "the same digest is not tried again"


def test_a_server_that_came_up_too_slowly_is_tried_again_later(lab: Lab) -> None:
    lab.engine.results[f"127.0.0.1:5000/notebook@{sha('a')}"] = Outcome(False, output="loading\n")
    lab.service.round()
    assert "no notebook server answered in it within 60 seconds: loading" in lab.document()["images"][0]["reason"]
    lab.engine.results.clear()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    lab.now += BROKEN_AGAIN_SECONDS + 1
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_an_image_that_hangs_holds_up_no_other(lab: Lab) -> None:
    lab.engine.hanging[f"127.0.0.1:5000/notebook@{sha('a')}"] = release = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        lab.restart(pool)
        lab.service.round()
        assert lab.states() == {"notebook:1.0": "pulling"}
        lab.registry.content["other"] = {"1": sha("b")}
        lab.service.round()
        until = time.monotonic() + 20
        while lab.states()["other:1"] != "ready" and time.monotonic() < until:
            lab.service.wait(0.1)
        assert lab.states() == {"notebook:1.0": "pulling", "other:1": "ready"}
        del lab.registry.content["notebook"]
        lab.service.round()
        release.set()
    lab.service.round()
    assert lab.states() == {"other:1": "ready"}, "what was deleted meanwhile does not come back"


def test_a_registry_that_lost_everything_changes_nothing(lab: Lab) -> None:
    """Its disk is not mounted, say; what is on this host can be started all the same."""
    lab.service.round()
    lab.registry.content.clear()
    with pytest.raises(RegistryError, match="holds no repository at all, though it held 1 image"):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    lab.restart()
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_two_tags_of_one_image_are_tried_once(lab: Lab) -> None:
    lab.registry.content["notebook"]["1.0-CASE"] = sha("a")
    lab.registry.content["notebook"]["1.0-case"] = sha("a")
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "notebook:1.0-CASE": "ready", "notebook:1.0-case": "ready"}
    assert len(lab.said) == 1


def test_a_fetch_that_failed_is_tried_again_later(lab: Lab) -> None:
    lab.engine.full = True
    lab.service.round()
    assert "disk is full" in lab.document()["images"][0]["reason"]
    lab.engine.full = False
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    lab.now += BROKEN_AGAIN_SECONDS + 1
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_a_fetch_that_failed_before_a_restart_is_tried_again(lab: Lab) -> None:
    lab.engine.full = True
    lab.service.round()
    lab.engine.full = False
    lab.restart()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_an_odd_image_does_not_hold_up_the_others(lab: Lab) -> None:
    lab.registry.content["arm"] = {"1.0": sha("e")}
    lab.registry.odd.add(sha("e"))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "arm:1.0": "broken"}
    assert "kind of processor" in lab.document()["images"][0]["reason"]
    assert not lab.service.round()


def image_of(config: str, kind: str = "application/vnd.oci.image.config.v1+json") -> dict[str, t.Any]:
    """The manifest of an image, or of what keeps its things like one."""
    return {"schemaVersion": 2, "config": {"mediaType": kind, "digest": config, "size": 2}, "layers": []}


class OneManifest:
    """A registry's client with one manifest."""

    def __init__(self, manifest: t.Any) -> None:
        self.body = json.dumps(manifest).encode()

    def manifest(self, repository: str, reference: str) -> RawManifest:
        return RawManifest(reference, "", self.body)

    def blob_json(self, repository: str, digest: str) -> dict[str, t.Any]:
        raise RegistryError("blob unknown", 404 if digest == sha("0") else None)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (
            {"manifests": [{"platform": {"os": "linux", "architecture": "pdp11"}, "digest": sha("1")}]},
            "kind of processor",
        ),
        ({"schemaVersion": 1, "fsLayers": []}, "no image of a container"),
        (image_of(sha("0")), "missing in the registry; push it again$"),
    ],
)
def test_what_is_no_image_for_this_host_is_told_from_a_registry_that_is_away(manifest: t.Any, reason: str) -> None:
    registry = LabRegistry({})
    registry._client = t.cast(t.Any, OneManifest(manifest))
    with pytest.raises(ImageError, match=reason):
        registry.description("notebook", sha("a"))
    registry._client = t.cast(t.Any, OneManifest(image_of(sha("2"))))
    with pytest.raises(RegistryError):
        registry.description("notebook", sha("a"))


@pytest.mark.parametrize(
    "manifest",
    [
        image_of(sha("1"), "application/vnd.cncf.helm.config.v1+json"),
        {**image_of(sha("1"), "application/vnd.oci.empty.v1+json"), "artifactType": "application/spdx+json"},
        {**image_of(sha("1")), "subject": {"digest": sha("2")}},
        {"manifests": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha("1"), "size": 3}]},
        {"manifests": []},
    ],
)
def test_charts_signatures_and_caches_are_no_images(manifest: t.Any) -> None:
    registry = LabRegistry({})
    registry._client = t.cast(t.Any, OneManifest(manifest))
    assert registry.description("notebook", sha("a")) is None


def test_what_is_no_image_is_not_listed(lab: Lab) -> None:
    lab.registry.content["notebook"] |= {
        "chart": sha("c"),
        "sha256-" + "a" * 64 + ".sig": sha("d"),
        "sha256-" + "a" * 64: sha("e"),
    }
    lab.registry.artifacts.add(sha("c"))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    assert lab.engine.pulled == ["127.0.0.1:5000/notebook@" + sha("a")]


@pytest.mark.parametrize(
    ("docker", "people"),
    [
        ("POST /images/create: write /var/lib/docker/x: no space left on device", "the server's disk is full"),
        (
            "POST /images/create: manifest for 127.0.0.1:5000/a@sha256:1 not found: manifest unknown",
            "no longer complete",
        ),
        ("POST /images/create: unauthorized: authentication required", "the registry refuses the password"),
        ("no answer from the Docker engine at /var/run/docker.sock: timed out", "Docker does not answer"),
        ("POST /images/create: x\x1b[2J\nsomething new", "it could not be fetched: x [2J something new"),
    ],
)
def test_a_failure_is_told_in_words_for_people(lab: Lab, docker: str, people: str) -> None:
    lab.engine.error = docker
    lab.service.round()
    assert people in lab.document()["images"][0]["reason"]
    assert "/images/create" not in lab.document()["images"][0]["reason"]


def test_words_of_an_image_are_one_short_line(lab: Lab) -> None:
    labels = {"title": "a\x1b[2J\nb", "description": "x" * 1000}
    lab.registry.labels[sha("a")] = {f"org.labserver.{key}": value for key, value in labels.items()}
    lab.service.round()
    (image,) = lab.document()["images"]
    assert image["title"] == "a [2J b" and len(image["description"]) == 300


def test_a_catalogue_that_could_not_be_written_is_written_later(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.service.round()
    lab.registry.content["notebook"] = {"2.0": sha("b")}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            lab.service.round()
    folder = Path(lab.settings["output"]).parent
    assert sorted(path.name for path in folder.iterdir()) == ["fetched.json", "images.json"]
    lab.service.round()
    assert lab.states() == {"notebook:2.0": "ready"}


def test_an_image_that_was_removed_from_the_host_is_fetched_again(lab: Lab) -> None:
    lab.service.round()
    lab.engine.here.clear()
    lab.service.round()
    assert len(lab.engine.pulled) == 2
    assert lab.states() == {"notebook:1.0": "ready"}


def test_patterns_and_a_label_keep_images_away(lab: Lab) -> None:
    lab.settings["repositories"] = ["note*", "tools"]
    lab.restart()
    lab.registry.content.update({"other": {"1": sha("c")}, "tools": {"1": sha("d")}})
    lab.registry.labels[sha("d")] = {"org.labserver.spawnable": "false"}
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    assert lab.engine.pulled == [f"127.0.0.1:5000/notebook@{sha('a')}"]


def test_an_image_is_tried_with_the_memory_that_it_will_have(lab: Lab) -> None:
    """An image whose label allows 48 MiB was "ready" and died at each start."""
    lab.registry.labels[sha("a")] = {"org.labserver.memory_bytes": str(48 << 20)}
    lab.service.round()
    assert lab.engine.tried == [48 << 20]
    lab.settings["images"] = {"notebook": {"limits": {"memory_bytes": 4 << 30}}}
    lab.service.round()
    assert lab.engine.tried == [48 << 20, 1 << 30], "tried again with the new limit, but with no more than a trial has"
    lab.service.round()
    assert len(lab.engine.tried) == 2


def test_labels_speak_and_the_inventory_has_the_last_word(lab: Lab) -> None:
    lab.registry.labels[sha("a")] = {
        "org.labserver.title": "From the label",
        "org.opencontainers.image.description": "By convention",
        "org.labserver.groups": "leem, xps",
        "org.labserver.cpu": "0.5",
        "org.labserver.memory_bytes": "1000000",
    }
    lab.settings["images"] = {"notebook": {"title": "From the inventory", "limits": {"cpu": 1.0}}}
    lab.service.round()
    image = lab.document()["images"][0]
    assert (image["title"], image["description"]) == ("From the inventory", "By convention")
    assert image["groups"] == ["leem", "xps"]
    assert image["limits"] == {"cpu": 1.0, "memory_bytes": 1000000}


@pytest.mark.parametrize("value", ["many", "-1", "0"])
def test_a_limit_that_is_no_number_is_told(lab: Lab, value: str) -> None:
    lab.registry.labels[sha("a")] = {"org.labserver.pids": value}
    lab.service.round()
    image = lab.document()["images"][0]
    assert image["state"] == "broken"
    assert "org.labserver.pids" in image["reason"]


def test_a_broken_file_of_the_last_run_is_made_anew(lab: Lab) -> None:
    Path(lab.settings["output"]).write_text('{"version": 1, "images": [{')
    lab.restart()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_entries_of_an_older_version_are_read() -> None:
    entry = {
        "repository": "n", "tag": "1", "digest": "d", "reference": "r", "title": "t", "description": "", "created": "",
        "size_bytes": 1, "groups": None, "state": "ready", "reason": "", "colour": "red",
    }  # fmt: skip
    assert catalogue.read(json.dumps({"version": 1, "images": [entry]}))[0].limits == {}


@pytest.mark.parametrize("silent", ["alpha", "alpha:1.0", "digest"])
@pytest.mark.parametrize("status", [500, 503, None])
def test_what_the_registry_cannot_say_of_one_image_concerns_no_other(lab: Lab, silent: str, status: int | None) -> None:
    lab.registry.content = {"alpha": {"1.0": sha("b")}, "notebook": {"1.0": sha("a")}}
    lab.service.round()
    before = lab.document()["images"][0]
    lab.restart()  # it knows nothing of descriptions any more
    lab.registry.silent = {sha("b") if silent == "digest" else silent: status}
    lab.registry.content["notebook"]["2.0"] = sha("c")
    lab.said.clear()
    lab.service.round()
    assert lab.states() == {"alpha:1.0": "ready", "notebook:1.0": "ready", "notebook:2.0": "ready"}
    assert lab.document()["images"][0] == before, "it stays as it is"
    lab.service.round()
    assert sum("stays as it is" in line for line in lab.said) == 1, "it is said once"
    lab.registry.silent.clear()
    del lab.registry.content["alpha"]["1.0"]
    lab.service.round()
    assert "alpha:1.0" not in lab.states()


def test_a_new_image_that_the_registry_cannot_hand_out_says_so_and_is_tried_when_it_can(lab: Lab) -> None:
    lab.registry.content["notebook"]["2.0"] = sha("c")
    lab.registry.silent = {sha("c"): 500}
    lab.service.round()
    lab.service.round()
    reasons = {one["tag"]: one["reason"] for one in lab.document()["images"]}
    assert reasons == {"1.0": "", "2.0": "the registry cannot hand it out (HTTP 500)"}
    lab.registry.silent.clear()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "notebook:2.0": "ready"}


def test_an_image_whose_missing_part_was_pushed_again_is_tried(lab: Lab) -> None:
    lab.registry.odd = {sha("a")}
    lab.service.round()
    lab.registry.odd.clear()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


@pytest.mark.parametrize(("statuses", "count"), [((None,) * 3, 3), ((401,), 1)])
def test_a_registry_that_answers_nothing_or_nobody_is_away(
    lab: Lab, statuses: tuple[int | None, ...], count: int
) -> None:
    lab.registry.content = {f"r{number}": {"1": sha(str(number))} for number in range(count + 1)}
    lab.service.round()
    before = lab.states()
    lab.registry.silent = {f"r{number}": status for number, status in enumerate(statuses)}
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == before


OLD = f"127.0.0.1:5000/notebook@{sha('a')}"


@pytest.fixture
def moved(lab: Lab) -> Lab:
    """Return a lab whose tag was moved to another image just now."""
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("c")
    lab.days(1)
    return lab


def test_an_image_goes_a_week_after_its_last_tag(moved: Lab) -> None:
    moved.days(6.9)
    assert OLD in moved.engine.here
    moved.restart()
    moved.days(0.2)
    assert moved.engine.here == {f"127.0.0.1:5000/notebook@{sha('c')}"}
    assert any("removed from this host" in line for line in moved.said)


def test_a_tag_that_comes_back_keeps_its_image(moved: Lab) -> None:
    moved.days(5)
    moved.registry.content["notebook"]["old"] = sha("a")
    moved.days(1)
    del moved.registry.content["notebook"]["old"]
    moved.days(1)
    moved.days(6)
    assert OLD in moved.engine.here, "its week begins anew"
    moved.days(2)
    assert OLD not in moved.engine.here


@pytest.mark.parametrize("why", ["chosen", "container", "not known", "no repository", "silent", "not fetched"])
def test_what_may_be_in_use_stays(lab: Lab, why: str) -> None:
    if why == "not fetched":
        lab.engine.here.add(OLD)
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("c")
    lab.registry.content["other"] = {"1": sha("d")}
    if why == "no repository":
        del lab.registry.content["notebook"]
    lab.days(1)
    if why == "chosen":
        lab.used = {sha("a")}
    elif why == "container":
        lab.engine.used_by_containers = {OLD}
    elif why == "not known":
        lab.used = None
    elif why == "silent":
        lab.registry.silent = {"notebook": 500}
    lab.days(30)
    assert OLD in lab.engine.here
    lab.engine.used_by_containers, lab.used, lab.registry.silent = set(), set(), {}
    lab.registry.content.setdefault("notebook", {})
    lab.days(1)
    assert (OLD in lab.engine.here) is (why == "not fetched")
