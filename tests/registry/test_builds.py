# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a build's archive in a home to an image in a real registry, and what is read there by other means."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import home, job, settings, upload
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import model
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.registry import LabRegistry
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from images import DOCKER, OCI, Registry, Thing, index, sha256
from registry_server import RegistryServer

UID = 54321
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the job is root's, and reads homes as their owners")
REPOSITORY, TAG = "people/leem/mira/physics", "20261128-203400"


def layer_of(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        made = tarfile.TarInfo(name)
        made.size = len(content)
        archive.addfile(made, io.BytesIO(content))
    return out.getvalue()


def base(kind: str = "oci", **config: Any) -> Thing:
    """Return an image of one layer, with labels and variables of its own."""
    plain = layer_of("usr/bin/python3", b"ELF")
    packed = gzip.compress(plain, mtime=0)
    own = {
        "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"], "User": "65534:65534", "Cmd": ["jupyterhub-singleuser"],
        "Labels": {"org.labserver.title": "Notebook", "org.labserver.cpu": "1", "maintainer": "lab"}, **config,
    }  # fmt: skip
    document = {
        "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z", "config": own,
        "rootfs": {"type": "layers", "diff_ids": [sha256(plain)]}, "history": [{"created_by": "base"}],
    }  # fmt: skip
    blobs = [json.dumps(document).encode(), packed]
    types = {
        "oci": (OCI + "manifest.v1+json", OCI + "config.v1+json", OCI + "layer.v1.tar+gzip"),
        "docker": (
            DOCKER + "distribution.manifest.v2+json", DOCKER + "container.image.v1+json",
            DOCKER + "image.rootfs.diff.tar.gzip",
        ),
    }[kind]  # fmt: skip
    manifest = {
        "schemaVersion": 2, "mediaType": types[0],
        "config": {"mediaType": types[1], "digest": sha256(blobs[0]), "size": len(blobs[0])},
        "layers": [{"mediaType": types[2], "digest": sha256(packed), "size": len(packed)}],
    }  # fmt: skip
    return Thing(types[0], json.dumps(manifest).encode(), blobs)


class Lab:
    """A host with a registry, one person, one image, and what the hub asks for."""

    def __init__(self, root: Path, server: RegistryServer, thing: Thing):
        self.root, self.server = root, server
        self.plain = Registry(server.url)
        self.base = self.plain.push("notebook", thing, "1.0")
        self.home = root / "home" / "mira"
        (self.home / home.FOLDER).mkdir(parents=True)
        for path in (self.home, self.home / ".cache", self.home / home.FOLDER):
            os.chown(path, UID, UID)
        self.wanted = settings.Settings(
            server.url.removeprefix("http://"), False, "", "", "srv/builds.json", ("leem",), 64 << 20
        )
        person = {"uid": UID, "gid": UID, "home": str(self.home), "groups": ["leem"], "state": "present"}
        self.write("etc/labserver/public/roster.json", {"version": 1, "users": {"mira": person}})
        (root / "etc/labserver/hub").mkdir()
        self.images(groups=None)
        self.orders("packing")

    def write(self, name: str, document: Any) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    def images(self, **changes: Any) -> None:
        one = {
            "repository": "notebook", "tag": "1.0", "digest": self.base, "title": "", "description": "", "created": "",
            "size_bytes": 0, "groups": None, "state": "ready",
            "reference": f"{self.wanted.registry}/notebook@{self.base}", **changes,
        }  # fmt: skip
        self.write("var/lib/labserver/catalogue/images.json", {"version": 1, "images": [one]})

    def orders(self, state: str, **changes: Any) -> None:
        one = {
            "id": "0123456789ab", "state": state, "owner": "mira", "uid": UID, "group": "leem", "name": "physics",
            "tag": TAG, "source": "https://git.example.org/a", "base_repository": "notebook",
            "base_digest": self.base, **changes,
        }  # fmt: skip
        self.write("srv/builds.json", {"version": 1, "builds": [one]})

    def archive(self, content: bytes) -> Path:
        path = self.home / home.FOLDER / "0123456789ab.tar"
        path.write_bytes(content)
        os.chown(path, UID, UID)
        return path

    def attend(self) -> tuple[list[str], list[str]]:
        with contextlib.closing(RegistryClient(self.server.url, retries=0)) as client:
            return job.attend(self.root, self.wanted, client)

    @property
    def result(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.root / job.PUBLISHED).read_text())["results"]["0123456789ab"]
        return found


@pytest.fixture(params=["oci", "docker"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    # Not below pytest's own folder: whichever pytest starts closes that to everybody else.
    with tempfile.TemporaryDirectory(prefix="labserver-builds-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with RegistryServer(folder) as server:
            yield Lab(folder, server, base(request.param))


def environment(**more: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        made = tarfile.TarInfo("bin")
        made.type = tarfile.DIRTYPE
        archive.addfile(made)
        for name, content in {"bin/tool": b"#!/bin/sh\n", **more}.items():
            made = tarfile.TarInfo(name)
            made.size, made.mode = len(content), 0o4755
            archive.addfile(made, io.BytesIO(content))
        made = tarfile.TarInfo("bin/python")
        made.type, made.linkname = tarfile.SYMTYPE, "/usr/bin/python3"
        archive.addfile(made)
    return out.getvalue()


def fetched(
    lab: Lab, repository: str = REPOSITORY, reference: str = TAG
) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return manifest, configuration and the last layer, by requests and hashlib alone."""
    url = f"{lab.server.url}/v2/{repository}"
    accept = {"Accept": f"{OCI}manifest.v1+json, {DOCKER}distribution.manifest.v2+json"}
    manifest = requests.get(f"{url}/manifests/{reference}", headers=accept, timeout=30)
    assert manifest.status_code == 200, manifest.text
    document = manifest.json()
    blobs = []
    for one in [document["config"], *document["layers"]]:
        blob = requests.get(f"{url}/blobs/{one['digest']}", timeout=60).content
        assert "sha256:" + hashlib.sha256(blob).hexdigest() == one["digest"] and len(blob) == one["size"]
        blobs.append(blob)
    config = json.loads(blobs[0])
    layers = [gzip.decompress(blob) for blob in blobs[1:]]
    assert ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers] == config["rootfs"]["diff_ids"]
    return document, config, layers[-1]


def test_a_build_becomes_an_image_of_its_group_with_one_layer_more(lab: Lab) -> None:
    archive = lab.archive(environment())
    done, problems = lab.attend()
    assert problems == [] and done == [f"{REPOSITORY}:{TAG}: ok"]
    document, config, layer = fetched(lab)
    below, below_config, _layer = fetched(lab, "notebook", "1.0")
    assert document["layers"][:-1] == below["layers"] and len(document["layers"]) == 2
    assert document["layers"][1]["mediaType"] == below["layers"][0]["mediaType"]
    assert {key: config[key] for key in ("architecture", "os")} == {"architecture": "amd64", "os": "linux"}
    assert config["config"]["User"] == "65534:65534" and config["config"]["Cmd"] == below_config["config"]["Cmd"]
    assert config["config"]["Env"] == [*below_config["config"]["Env"], "JUPYTER_PATH=/opt/lab/.jupyter"]
    assert len(config["history"]) == 2
    with tarfile.open(fileobj=io.BytesIO(layer)) as found:
        share = [
            f"opt/lab/.jupyter{rest}" for rest in ("", "/kernels", "/kernels/python3", "/kernels/python3/kernel.json")
        ]
        own = [f"opt/lab/physics/{name}" for name in ("bin", "bin/tool", "bin/python")]
        assert found.getnames() == ["opt/lab", "opt/lab/physics", *share, *own]
        spec = json.load(found.extractfile(share[-1]))  # type: ignore[arg-type]
        assert spec["argv"][0] == "/opt/lab/physics/bin/python" and spec["env"]["VIRTUAL_ENV"] == "/opt/lab/physics"
        assert {(one.uid, one.gid, one.mode & 0o7000) for one in found.getmembers()} == {(0, 0, 0)}
        assert found.extractfile("opt/lab/physics/bin/tool").read() == b"#!/bin/sh\n"  # type: ignore[union-attr]
    assert lab.result["reason"] == "ok" and lab.plain.has(REPOSITORY, lab.result["digest"])
    assert not archive.exists(), "the archive has served"
    assert lab.attend() == ([], []), "nothing is done twice"


def test_the_catalogue_lists_it_for_that_group_alone(lab: Lab) -> None:
    lab.archive(environment())
    lab.attend()
    registry = LabRegistry({"registry": lab.wanted.registry})
    labels, created, size = registry.description(REPOSITORY, lab.result["digest"])  # type: ignore[misc]
    entry = model.entry(
        model.Found(REPOSITORY, TAG, lab.result["digest"], labels, created, size), lab.wanted.registry, {}
    )
    assert (entry.groups, entry.state, entry.title) == (["leem"], "pulling", "physics (mira)")
    assert entry.limits == {"cpu": 1.0} and "https://git.example.org/a" in entry.description
    assert labels["org.labserver.base"] == f"notebook@{lab.base}" and labels["maintainer"] == "lab"
    assert created > "2026-11-01"


def test_chunks_and_their_end_are_one_blob(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "CHUNK", 70_000)
    content = os.urandom(400_000)
    lab.archive(environment(**{"bin/data": content}))
    lab.attend()
    _document, _config, layer = fetched(lab)
    with tarfile.open(fileobj=io.BytesIO(layer)) as found:
        assert found.extractfile("opt/lab/physics/bin/data").read() == content  # type: ignore[union-attr]


def test_a_hostile_archive_leaves_nothing_in_the_registry_but_what_was_there(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "CHUNK", 70_000)
    sent = []
    send = upload.LayerUpload._send
    monkeypatch.setattr(upload.LayerUpload, "_send", lambda self, chunk: (sent.append(len(chunk)), send(self, chunk)))
    evil = tarfile.TarInfo("../../etc/passwd")
    raw = environment(**{"bin/data": os.urandom(300_000)})
    archive = lab.archive(raw.rstrip(b"\0") + bytes(-len(raw.rstrip(b"\0")) % 512) + evil.tobuf(tarfile.GNU_FORMAT))
    done, problems = lab.attend()
    assert problems == [] and "leads out of the environment" in done[0]
    assert lab.result["reason"] == "archive" and "'../../etc/passwd'" in lab.result["line"]
    assert lab.plain.tags(REPOSITORY) == [] and not archive.exists()
    # What the registry itself leaves of an upload that was cancelled has no content.
    assert sent and [path for path in lab.server.store.rglob("_uploads/*/data") if path.stat().st_size] == []
    assert lab.plain.pull("notebook", "1.0")


def test_nothing_of_the_archive_is_where_jupyter_looks(lab: Lab) -> None:
    """An extension there would run in the browser of whoever opens the page."""
    lab.archive(environment(**{"bin/labextension.js": b"x"}))
    lab.attend()
    _document, config, layer = fetched(lab)
    places = [line.partition("=")[2] for line in config["config"]["Env"] if line.startswith("JUPYTER")]
    assert places == ["/opt/lab/.jupyter"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as found:
        there = {name for name in found.getnames() if f"/{name}/".startswith("/opt/lab/.jupyter/")}
        files = {one.name for one in found.getmembers() if one.name in there and not one.isdir()}
    assert files == {"opt/lab/.jupyter/kernels/python3/kernel.json"}


def test_more_than_an_image_may_hold_is_refused(lab: Lab) -> None:
    lab.wanted = settings.Settings(**{**lab.wanted.__dict__, "most_bytes": 100_000})
    lab.archive(environment(**{"bin/data": bytes(200_000)}))
    lab.attend()
    assert lab.result["reason"] == "archive" and "more than 100000 bytes" in lab.result["line"]


def test_what_changes_while_it_is_read_is_what_was_hashed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner writes into the file between two pieces: the image holds some content, and its digests are true."""
    path = lab.archive(environment(**{"bin/data": bytes(3 << 20)}))
    sent = upload.LayerUpload.write
    calls = 0

    def write(self: upload.LayerUpload, piece: object) -> int:
        nonlocal calls
        calls += 1
        if calls == 20:
            with path.open("r+b") as file:
                file.seek(2 << 20)
                file.write(b"changed")
        return sent(self, piece)

    monkeypatch.setattr(upload.LayerUpload, "write", write)
    lab.attend()
    assert calls > 20 and lab.result["reason"] == "ok"
    _document, _config, layer = fetched(lab)
    assert b"changed" in layer


def test_a_registry_that_is_away_is_asked_again_and_the_archive_stays(lab: Lab) -> None:
    archive = lab.archive(environment())
    lab.server.stop()
    done, problems = lab.attend()
    assert done == [] and "tried again" in problems[0] and archive.exists()
    assert not (lab.root / job.PUBLISHED).exists()
    lab.server.start()
    assert lab.attend() == ([f"{REPOSITORY}:{TAG}: ok"], [])


def test_an_image_is_removed_by_its_order_and_no_other_goes(lab: Lab) -> None:
    lab.archive(environment())
    lab.attend()
    first = lab.result["digest"]
    lab.plain.push("people/leem/mira/other", base(), TAG)
    lab.orders("removing")
    assert lab.attend() == ([f"{REPOSITORY}:{TAG}: removed"], [])
    assert not lab.plain.has(REPOSITORY, first) and lab.plain.has("people/leem/mira/other", TAG)
    assert lab.plain.pull("notebook", "1.0") and lab.result["reason"] == "removed"
    assert lab.attend() == ([], [])
    lab.write("srv/builds.json", {"version": 1, "builds": []})
    lab.attend()
    assert json.loads((lab.root / job.PUBLISHED).read_text())["results"] == {}, "what the hub forgot is forgotten"


@pytest.mark.parametrize(
    ("changes", "images", "words"),
    [
        ({"owner": "jonas"}, {}, "may not use the hub"),
        ({"group": "xps"}, {}, "group xps"),
        ({}, {"groups": ["xps"]}, "not for the group leem"),
        ({"base_digest": "sha256:" + "0" * 64}, {}, "not offered"),
    ],
)
def test_what_is_not_allowed_is_neither_read_nor_sent(
    lab: Lab, changes: dict[str, Any], images: dict[str, Any], words: str
) -> None:
    lab.archive(environment())
    lab.orders("packing", **changes)
    lab.images(**images)
    before = lab.server.store.rglob("*")
    known = sorted(map(str, before))
    lab.attend()
    assert lab.result["reason"] == "refused" and words in lab.result["line"]
    assert sorted(map(str, lab.server.store.rglob("*"))) == known


def test_an_archive_that_is_gone_says_so(lab: Lab) -> None:
    lab.attend()
    assert (lab.result["reason"], lab.result["line"]) == ("refused", "the archive of the build is gone")


def test_an_index_is_built_on_by_this_hosts_processor(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    children = [base(), base(User="1:1")]
    lab.base = lab.plain.push("notebook", index("both", children), "2.0")
    lab.images()
    lab.orders("packing")
    lab.archive(environment())
    monkeypatch.setattr(job.image, "MACHINES", {os.uname().machine: "a1"})
    lab.attend()
    assert fetched(lab)[1]["config"]["User"] == "1:1"
    monkeypatch.setattr(job.image, "MACHINES", {os.uname().machine: "a7"})
    lab.orders("packing", id="b" * 12)
    lab.archive(environment()).rename(lab.home / home.FOLDER / f"{'b' * 12}.tar")
    lab.attend()
    told = json.loads((lab.root / job.PUBLISHED).read_text())["results"]["b" * 12]
    assert told["reason"] == "refused" and "not made for this kind of processor" in told["line"]


def test_the_command_tells_in_one_line(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.main(["--root", str(lab.root)]) == 2
    assert "builds-settings.json" in capsys.readouterr().err
    told = {"version": 1, **lab.wanted.__dict__}
    lab.write("etc/labserver/hub/builds-settings.json", told)
    lab.archive(environment())
    assert job.main(["--root", str(lab.root)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{REPOSITORY}:{TAG}: ok", "orders followed: 1"]
    assert job.main(["--root", str(lab.root)]) == 0
    assert capsys.readouterr().out == "nothing to do\n"
    (lab.root / "srv/builds.json").write_text("{")
    assert job.main(["--root", str(lab.root)]) == 2
