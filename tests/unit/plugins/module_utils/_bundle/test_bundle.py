# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle as a file: equal content gives equal bytes, and nothing damaged, partial or foreign is taken for good."""

from __future__ import annotations

import errno
import hashlib
import shutil
import subprocess
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle import archive, install, model, signature
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle.input import problems
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle.model import BundleError, Image, Manifest, Part

NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
LAYER, CONFIG, TOOL = b"a layer" * 5000, b"{}", b"a package"
HUB = "labserver/hub:1"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def made(folder: Path, created: str = "2026-11-28T08:00:00Z", **more: t.Any) -> Manifest:
    """Lay the parts of a small bundle below a folder and return its manifest."""
    contents = {
        f"images/{digest(CONFIG)}": CONFIG,
        f"images/{digest(LAYER)}": LAYER,
        "packages/tool_1.0_all.deb": TOOL,
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    values: dict[str, t.Any] = {
        "created": created,
        "system": "debian 12",
        "architecture": "amd64",
        "collection": "1.0.0",
        "images": (Image(HUB, digest(CONFIG), (digest(LAYER),)),),
        "packages": {"tool": "1.0"},
        "parts": tuple(Part(name, len(content), digest(content)) for name, content in contents.items()),
    }
    return Manifest(**values | more)


def bundle(path: Path, signed: bytes = b"", **more: t.Any) -> Path:
    """Write a small bundle."""
    folder = path.with_suffix(".parts")
    manifest = made(folder, **more)
    with path.open("wb") as file:
        archive.write(file, manifest, signed, folder)
    return path


def anybody(_content: bytes, _signature: bytes) -> None:
    """Accept every signature."""


def told(call: t.Callable[[], object]) -> str:
    """Return what a call that fails says."""
    with pytest.raises(BundleError) as caught:
        call()
    return str(caught.value)


def test_equal_content_gives_equal_bytes_whenever_the_files_were_made(tmp_path: Path) -> None:
    first, second = bundle(tmp_path / "a.bundle"), tmp_path / "b.bundle"
    later = tmp_path / "later"
    made(later)
    for path in later.rglob("*"):
        path.touch()
        path.chmod(0o700)
    manifest = made(later)
    turned = Manifest(**{**vars(manifest), "parts": tuple(reversed(manifest.parts))})
    with second.open("wb") as file:
        archive.write(file, manifest, b"", later)
    assert first.read_bytes() == second.read_bytes()
    assert model.read(model.render(turned)).size == manifest.size


def test_a_person_reads_it_with_tar(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["tar", "--list", "--file", bundle(tmp_path / "a.bundle", b"s" * 64)],
        capture_output=True,
        text=True,
        check=True,
    )
    names = listed.stdout.split()
    assert names[:2] == ["manifest.json", "manifest.sig"]
    assert names[2:] == sorted(names[2:])
    assert len(names) == 5


@pytest.mark.parametrize("signed", [b"", b"s" * 64])
def test_a_whole_bundle_is_good(tmp_path: Path, signed: bytes) -> None:
    path = bundle(tmp_path / "a.bundle", signed)
    manifest, content = archive.verify(path, anybody)
    assert manifest.images[0].id == f"sha256:{digest(CONFIG)}"
    assert archive.head(path) == (manifest, content, signed)


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.bundle")
    whole = path.read_bytes()
    with tarfile.open(path) as opened:
        places = {member.name: member.offset_data + member.size // 2 for member in opened}
        headers = {f"header of {member.name}": member.offset + 130 for member in opened}
    for name, place in {**places, **headers}.items():
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        if name == "manifest.json":  # only its signature tells for every bit of it
            continue
        with pytest.raises(BundleError):
            archive.verify(path, anybody)
        if name in places:
            assert f"{name} in the bundle is damaged" in told(lambda: archive.verify(path, anybody))


def test_half_a_bundle_is_none_wherever_it_was_cut(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.bundle")
    whole = path.read_bytes()
    with tarfile.open(path) as opened:
        ends = [*[member.offset for member in opened][1:], 1, 700, len(whole) // 2]
    for end in ends:
        path.write_bytes(whole[:end])
        assert "copy the bundle again" in told(lambda: archive.verify(path, anybody)) or end < 2000


def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    assert "is no bundle or only a part of one" in told(lambda: archive.verify(tmp_path / "text", anybody))
    with tarfile.open(tmp_path / "other.tar", "w") as other:
        other.add(tmp_path / "text", "text")
    assert "this is no bundle" in told(lambda: archive.verify(tmp_path / "other.tar", anybody))
    assert "there is no such file" in told(lambda: archive.verify(tmp_path / "nothing", anybody))


def test_nothing_is_unpacked_that_the_manifest_does_not_name(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.bundle")
    with tarfile.open(path, "a") as opened:
        opened.add(path.with_suffix(".parts") / "packages/tool_1.0_all.deb", "../../etc/evil")
    assert "which its manifest does not name" in told(lambda: archive.verify(path, anybody))


@pytest.mark.parametrize("bad", ["packages/../../etc/passwd", "/etc/passwd", "packages/.hidden", "tool.deb"])
def test_the_manifest_names_no_other_places(tmp_path: Path, bad: str) -> None:
    manifest = made(tmp_path, parts=(Part(bad, 1, "0" * 64),), images=())
    assert "the bundle's manifest is damaged" in told(lambda: model.read(model.render(manifest)))


def test_a_manifest_of_another_version_is_refused(tmp_path: Path) -> None:
    content = model.render(made(tmp_path)).replace(b'"version": 1', b'"version": 2')
    assert "this release of the collection knows version 1 only" in told(lambda: model.read(content))


@NEEDS_OPENSSL
def test_signatures(tmp_path: Path) -> None:
    keys = {}
    for name in ("mine", "other"):
        private, public = tmp_path / f"{name}.key", tmp_path / f"{name}.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        keys[name] = (private, public)
    content = model.render(made(tmp_path / "parts"))
    signed = signature.sign(content, keys["mine"][0])
    assert signature.sign(content, keys["mine"][0]) == signed
    public = keys["mine"][1]
    signature.judge(content, signed, public, accept_unsigned=False)
    for wrong in (
        lambda: signature.judge(content, signed, keys["other"][1], accept_unsigned=True),
        lambda: signature.judge(content + b" ", signed, public, accept_unsigned=True),
        lambda: signature.judge(content, signed[:-1] + bytes([signed[-1] ^ 1]), public, accept_unsigned=True),
    ):
        assert "its signature was not made with the key of" in told(wrong)
    assert "it is not signed" in told(lambda: signature.judge(content, b"", public, accept_unsigned=False))
    assert "who made it is not known" in told(lambda: signature.judge(content, signed, None, accept_unsigned=False))
    signature.judge(content, b"", None, accept_unsigned=True)
    assert "openssl genpkey" in told(lambda: signature.sign(content, tmp_path / "none"))
    assert "does not sign as an Ed25519 key" in told(lambda: signature.sign(content, public))


def desired(path: Path, **more: t.Any) -> install.Desired:
    return install.Desired(archive.head(path)[1], **more)


def test_installed_in_one_step_and_updated_by_the_next(tmp_path: Path) -> None:
    current = tmp_path / "host" / "current"
    first = desired(bundle(tmp_path / "a.bundle"))
    install.apply(first, tmp_path / "a.bundle", current)
    assert (current / f"images/{digest(LAYER)}").read_bytes() == LAYER
    assert "current/packages ./" in (current / "sources.list").read_text()
    assert install.installed(current) == first.content
    inode = (current / f"images/{digest(LAYER)}").stat().st_ino
    bundle(tmp_path / "b.bundle", created="2026-11-29T08:00:00Z")
    second = desired(tmp_path / "b.bundle")
    assert install.needs(second.manifest, current) == (0, 0)
    install.apply(second, tmp_path / "b.bundle", current)
    assert install.installed(current) == second.content
    assert (current / f"images/{digest(LAYER)}").stat().st_ino == inode, "what is the same is not written again"
    assert sorted(path.name for path in current.parent.iterdir()) == sorted([second.name, "current"])


def test_a_disk_that_becomes_full_leaves_what_was_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current = tmp_path / "host" / "current"
    first = desired(bundle(tmp_path / "a.bundle"))
    install.apply(first, tmp_path / "a.bundle", current)
    before = sorted(current.parent.rglob("*"))
    (current / "packages/tool_1.0_all.deb").write_bytes(b"other")  # so that something is written
    second = desired(bundle(tmp_path / "b.bundle", created="2026-11-29T08:00:00Z"))

    def full(*_arguments: t.Any) -> t.NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    said = told(lambda: install.apply(second, tmp_path / "b.bundle", current))
    assert "the disk became full while the bundle was unpacked" in said
    assert install.installed(current) == first.content
    assert sorted(current.parent.rglob("*")) == before


def test_a_copy_that_was_damaged_on_the_way_is_not_installed(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.bundle")
    verified = desired(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(TOOL, TOOL.upper()))
    assert "is damaged" in told(lambda: install.apply(verified, path, tmp_path / "host" / "current"))
    assert list((tmp_path / "host").iterdir()) == []


def test_every_reason_why_a_host_cannot_have_it_is_said_at_once(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.bundle")
    newer = model.render(made(tmp_path / "newer", created="2026-12-24T00:00:00Z"))
    host = install.Current("debian 13", "arm64", newer, {"/var": (10 << 20, 100 << 20)})
    said = install.compare(desired(path, images=(HUB, "lab/other:1", "lab/held:1"), held=("lab/held:1",)), host)
    assert said == [
        "the bundle is made for debian 12 and this host has debian 13; make one on a machine with debian 13",
        "the bundle is made for amd64 processors and this host has arm64; make one on a machine of the same kind",
        "the bundle was made at 2026-11-28T08:00:00Z and the one that is installed at 2026-12-24T00:00:00Z; use a "
        "newer one, or go back with bundle_accept_older: true",
        "the bundle lacks lab/other:1, which the inventory asks for; make it from this inventory with this version of "
        "the collection (the bundle was made with 1.0.0, and has it)",
        "/var has 10 MiB free and the bundle needs 357 MiB; make room",
    ]
    same = install.Current("debian 12", "amd64", newer, {"/var": (1 << 40, 100 << 20)})
    assert install.compare(desired(path, images=(HUB,), accept_older=True), same) == []


def test_what_is_written_on_one_file_system_is_added_up(tmp_path: Path) -> None:
    found = install.free([(tmp_path / "a/b", 3), (tmp_path / "c", 4)])
    assert list(found) == [str(tmp_path)]
    assert found[str(tmp_path)][1] == 7


def test_inputs(tmp_path: Path) -> None:
    file = tmp_path / "a.bundle"
    file.touch()
    assert problems({}) == []
    assert problems({"bundle_file": str(file), "bundle_accept_unsigned": True}) == []
    said = problems(
        {
            "bundle_file": "/nowhere/lab.bundle",
            "bundle_output": "lab.bundle",
            "bundle_images": ["lab.test/a:1", "lab.test:5000/b", f"c@sha256:{'0' * 64}"],
        }
    )
    assert [line.split(":")[0] for line in said] == [
        "labserver_bundle",
        "bundle_public_key",
        "bundle_output",
        "bundle_images[1]",
        "bundle_images[2]",
    ]
