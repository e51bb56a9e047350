# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into a bundle: images in every form that engines save in, packages as apt reads them, the collection."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import typing as t
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle import collection, images, make, model, packages
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle.model import BundleError

NEEDS_DPKG = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb and apt-get")
LOW, HIGH, ONE, TWO = b"low", b"high", b'{"one": 1}', b'{"two": 2}'


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tarred(members: Sequence[tuple[str, bytes | str]]) -> io.BytesIO:
    """Make a tar; a text is the target of a symbolic link."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def listed(*entries: tuple[str, str, list[str]]) -> bytes:
    return json.dumps([{"Config": c, "RepoTags": [tag], "Layers": layers} for c, tag, layers in entries]).encode()


OLD = [  # Docker 20.10
    ("a/layer.tar", LOW),
    ("a/json", b"{}"),
    ("b/layer.tar", "../a/layer.tar"),
    ("c/layer.tar", HIGH),
    ("1.json", ONE),
    ("2.json", TWO),
    ("repositories", b"{}"),
    (
        "manifest.json",
        listed(("1.json", "x/b:1", ["a/layer.tar"]), ("2.json", "x/a:2", ["b/layer.tar", "c/layer.tar"])),
    ),
]
NEW = [  # Docker 25 and later
    ("oci-layout", b"{}"),
    *((f"blobs/sha256/{digest(one)}", one) for one in (TWO, ONE, HIGH, LOW)),
    (
        "manifest.json",
        listed(
            (f"blobs/sha256/{digest(TWO)}", "x/a:2", [f"blobs/sha256/{digest(LOW)}", f"blobs/sha256/{digest(HIGH)}"]),
            (f"blobs/sha256/{digest(ONE)}", "x/b:1", [f"blobs/sha256/{digest(LOW)}"]),
        ),
    ),
    ("index.json", b"{}"),
]


@pytest.mark.parametrize("saved", [OLD, NEW])
def test_an_image_is_the_same_whatever_form_it_was_saved_in(
    saved: list[tuple[str, bytes | str]], tmp_path: Path
) -> None:
    found = images.sort_out(tarred(saved), tmp_path)
    assert found == (
        model.Image("x/a:2", digest(TWO), (digest(LOW), digest(HIGH))),
        model.Image("x/b:1", digest(ONE), (digest(LOW),)),
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        digest(one): one for one in (LOW, HIGH, ONE, TWO)
    }


def test_what_was_written_for_an_engine_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = images.sort_out(tarred(NEW), tmp_path / "a")
    stream = io.BytesIO()
    images.write(stream, found, tmp_path / "a")
    stream.seek(0)
    assert images.sort_out(stream, tmp_path / "b") == found


def test_images_that_differ_are_loaded() -> None:
    one, two = model.Image("x:1", "1" * 64, ()), model.Image("x:2", "2" * 64, ())
    assert images.compare([one, two], {"x:1": one.id, "x:2": "sha256:other"}) == (two,)
    assert images.compare([one, two], {"x:2": two.id}) == (one,)


def debian(folder: Path, name: str, version: str) -> None:
    """Make a package in the place where apt downloads to."""
    root = folder / f"{name}.root"
    (root / "DEBIAN").mkdir(parents=True)
    text = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A\nDescription: of {name}\n"
    (root / "DEBIAN" / "control").write_text(text)
    subprocess.run(["dpkg-deb", "--build", root, folder / f"{name}_x.deb"], check=True, capture_output=True)


@NEEDS_DPKG
def test_apt_knows_the_packages_of_the_repository_and_no_others(tmp_path: Path) -> None:
    calls: list[list[str]] = []

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        calls.append(list(command))
        if command[0] == "dpkg-deb":
            done = subprocess.run(list(command), capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        if "install" in command:
            debian(tmp_path / "work" / "archives", "labtool", "2:1.5~rc1")
        return 0, "", ""

    (tmp_path / "work").mkdir()
    found = packages.download(["labtool"], tmp_path / "packages", tmp_path / "work", run)
    assert found == {"labtool": "2:1.5~rc1"}
    assert calls[1][-2:] == ["install", "labtool"]
    for name, text in packages.settings(str(tmp_path)).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "lists" / "partial").mkdir(parents=True)
    environment = {**os.environ, "APT_CONFIG": str(tmp_path / "apt.conf"), "LC_ALL": "C"}

    def apt(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout + done.stderr

    assert "W:" not in apt("apt-get", "update")
    assert "Candidate: 2:1.5~rc1" in apt("apt-cache", "policy", "labtool")
    assert "Candidate: (none)" in apt("apt-cache", "policy", "bash") or "/var/lib/dpkg/status" in apt(
        "apt-cache", "policy", "bash"
    )
    said = apt("apt-get", "download", "--print-uris", "labtool")
    path = urllib.parse.unquote(said.split("'")[1].removeprefix("file:"))
    assert Path(path).is_file()


def test_what_apt_cannot_download_is_said_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        return (100, "", "E: Unable to locate package nosuch\n") if "install" in command else (0, "", "")

    with pytest.raises(BundleError, match="apt cannot download nosuch: E: Unable to locate package nosuch"):
        packages.download(["nosuch"], tmp_path / "packages", tmp_path / "work", run)


def built(order: int) -> bytes:
    """Return a collection as `ansible-galaxy collection build` makes it, with a lab's own inventory in it."""
    texts = {"README.md": b"read", "inventory/demo/hosts.yml": b"demo", "inventory/secret/vault.yml": b"secret"}
    members = list(texts.items())[::order]
    files = [{"name": name, "ftype": "dir"} for name in (".", "inventory", "inventory/demo")]
    files += [{"name": name, "ftype": "file", "chksum_sha256": digest(text)} for name, text in members]
    manifest = {"collection_info": {}, "file_manifest_file": {"name": "FILES.json", "chksum_sha256": "x"}}
    listing = json.dumps({"files": files, "format": 1}).encode()
    stream = tarred([("MANIFEST.json", json.dumps(manifest).encode()), ("FILES.json", listing), *members])
    return gzip.compress(stream.read(), mtime=order + 1)


def test_the_collection_is_packed_the_same_and_without_the_lab_s_inventory() -> None:
    packed = collection.repacked(built(1))
    assert packed == collection.repacked(built(-1))
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        assert archive.getnames() == [
            "MANIFEST.json",
            "FILES.json",
            "README.md",
            "inventory",
            "inventory/demo",
            "inventory/demo/hosts.yml",
        ]

        def text(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        assert json.loads(text("MANIFEST.json"))["file_manifest_file"]["chksum_sha256"] == digest(text("FILES.json"))


def test_two_bundles_of_one_state_are_equal_and_the_second_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(_references: Sequence[str], folder: Path) -> tuple[model.Image, ...]:
        folder.mkdir()
        return images.sort_out(tarred(NEW), folder)

    def download(_names: Sequence[str], folder: Path, *_more: t.Any) -> dict[str, str]:
        folder.mkdir()
        packages.index(folder, ["Package: a\n"])
        return {"a": "1"}

    monkeypatch.setattr(images, "save", save)
    monkeypatch.setattr(packages, "download", download)
    archive = tmp_path / "collection.tar.gz"
    archive.write_bytes(built(1))
    times = iter([1000.0, 2000.0, 3000.0, 4000.0])
    world = make.World(lambda _command: (0, "", ""), lambda: next(times), "debian 12", "amd64")

    def converge(name: str, epoch: int | None = None, **more: t.Any) -> make.Outcome:
        wanted = {"images": ("x/a:2",), "packages": ("a",), "collection": archive, "collection_version": "1"}
        return make.converge(make.Desired(tmp_path / name, **{**wanted, **more}, epoch=epoch), world)

    (tmp_path / ".a.bundle.killed" / "images").mkdir(parents=True)
    (tmp_path / ".a.bundle.x1y2").touch()
    assert converge("a.bundle").changed
    before = (tmp_path / "a.bundle").read_bytes()
    assert not converge("a.bundle").changed
    assert (tmp_path / "a.bundle").read_bytes() == before
    assert converge("b.bundle", epoch=1000).changed
    assert (tmp_path / "b.bundle").read_bytes() == before
    (tmp_path / "a.bundle").write_bytes(before[:-20000])
    assert converge("a.bundle").changed, "a damaged one is made again"
    assert converge("a.bundle", collection_version="2").manifest.created > "1970-01-01T00:50:00Z"
    with pytest.raises(BundleError, match="an engine cannot save an image by its digest"):
        converge("c.bundle", images=(f"x@sha256:{'0' * 64}",))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
