# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives that a person's build may leave, the good ones and those of somebody who wants more than an image."""

from __future__ import annotations

import io
import itertools
import os
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import archive

ROOT = "opt/lab/physics"
BOUNDS = archive.Bounds(1 << 20, 1000)


def entry(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, len(content)
    for key, value in more.items():
        setattr(made, key, value)
    return made, content


def folder(name: str, **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, tarfile.DIRTYPE, **more)


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, tarfile.SYMTYPE, linkname=target)


def packed(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT, end: bool = True) -> bytes:
    """Return an archive made by Python's own tarfile."""
    raw = b""
    for made, content in entries:
        raw += made.tobuf(form, "utf-8", "surrogateescape") + content + bytes(-len(content) % 512)
    return raw + bytes(1024) if end else raw


def written(raw: bytes, bounds: archive.Bounds = BOUNDS) -> dict[str, tarfile.TarInfo]:
    """Return what the layer has, read by tarfile's own reader."""
    out = io.BytesIO()
    archive.write_layer(io.BytesIO(raw), out, ROOT, bounds)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as layer:
        found = {one.name: one for one in layer.getmembers()}
        assert len(found) == len(layer.getmembers())
        return found


def refused(raw: bytes, bounds: archive.Bounds = BOUNDS) -> str:
    with pytest.raises(archive.ArchiveError) as told:
        archive.write_layer(io.BytesIO(raw), io.BytesIO(), ROOT, bounds)
    assert str(told.value).isprintable() and len(str(told.value)) < 400
    return str(told.value)


GOOD = (
    folder("bin"), entry("bin/tool", content=b"#!/bin/sh\n", mode=0o755), link("bin/python3.13", "/usr/bin/python3.13"),
    link("bin/python", "python3.13"), folder("lib"), link("lib64", "lib"), folder("lib/a"),
    entry("lib/a/b.py", content=b"x = 1\n"),
    folder("lib/a/c"), link("lib/a/c/up", "../../a/b.py"),
)  # fmt: skip


def test_an_environment_becomes_a_layer_below_one_folder_with_every_byte() -> None:
    raw = packed(*GOOD)
    out = io.BytesIO()
    told = archive.write_layer(io.BytesIO(raw), out, ROOT, BOUNDS)
    assert told == archive.Written(len(b"#!/bin/sh\n") + len(b"x = 1\n"), len(GOOD))
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as layer:
        assert layer.getnames() == ["opt/lab", ROOT, *[f"{ROOT}/{made.name}" for made, _content in GOOD]]
        assert layer.extractfile(f"{ROOT}/lib/a/b.py").read() == b"x = 1\n"  # type: ignore[union-attr]
        assert layer.getmember(f"{ROOT}/lib/a/c/up").linkname == "../../a/b.py"
        assert layer.getmember(f"{ROOT}/bin/python3.13").linkname == "/usr/bin/python3.13"


def test_nothing_of_the_owners_and_rights_of_the_archive_comes_along() -> None:
    own = {"uid": 20001, "gid": 4, "uname": "root", "gname": "docker", "mtime": 2**40}
    found = written(packed(
        folder("bin", mode=0o7777, **own), entry("bin/su", content=b"ELF", mode=0o6777, **own),
        entry("bin/data", content=b"x", mode=0o4000, **own), link("bin/x", "su"), entry("none", mode=0),
    ))  # fmt: skip
    assert {(one.uid, one.gid, one.uname, one.gname) for one in found.values()} == {(0, 0, "", "")}
    modes = {name.removeprefix(ROOT + "/"): oct(one.mode) for name, one in found.items() if one.isfile() or one.isdir()}
    assert modes == {
        "opt/lab": "0o755", ROOT: "0o755", "bin": "0o755", "bin/su": "0o755", "bin/data": "0o644", "none": "0o644",
    }  # fmt: skip
    assert all(one.mtime <= archive.LAST_TIME for one in found.values())


@pytest.mark.parametrize(
    ("entries", "words"),
    {
        "an absolute path": ([entry("/etc/shadow")], "leads out"),
        "steps up": ([entry("../etc/shadow")], "leads out"),
        "steps up in the middle": ([folder("a"), entry("a/../../x")], "leads out"),
        "a step that stays": ([folder("a"), entry("a/./x")], "leads out"),
        "two slashes": ([folder("a"), entry("a//x")], "leads out"),
        "a file in no folder": ([entry("a/x")], "does not lie in a folder"),
        "a file below a file": ([entry("a"), entry("a/x")], "does not lie in a folder"),
        "a file through a link": ([link("a", "lib"), entry("a/x")], "does not lie in a folder"),
        "a link to the root": ([link("a", "/")], "leads out"),
        "a link to a file of the image": ([link("a", "/etc/shadow")], "leads out"),
        "a link up": ([link("a", "..")], "leads out"),
        "a link up from below": ([folder("a"), link("a/b", "../../x")], "leads out"),
        "a link that goes down and up": ([folder("a"), link("a/b", "c/../../../x")], "leads out"),
        "a link through a link": ([folder("a"), link("a/b", "."), link("c", "a/b/../..")], "leads out"),
        "a link to nothing": ([link("a", "")], "leads to no path"),
        "python by a path that goes up": ([folder("bin"), link("bin/python", "/usr/../etc/python")], "leads out"),
        "python that is none": ([folder("bin"), link("bin/python", "/etc/shadow")], "leads out"),
        "another name for python": ([folder("lib"), link("lib/python", "/usr/bin/python3")], "leads out"),
        "a hard link": ([entry("a"), entry("b", tarfile.LNKTYPE, linkname="a")], "a hard link"),
        "a hard link out": ([entry("b", tarfile.LNKTYPE, linkname="/etc/shadow")], "a hard link"),
        "a disk": ([entry("sda", tarfile.BLKTYPE, devmajor=8)], "a device"),
        "a terminal": ([entry("tty", tarfile.CHRTYPE, devmajor=5)], "a device"),
        "a pipe": ([entry("p", tarfile.FIFOTYPE)], "a pipe"),
        "a sparse file": ([entry("s", tarfile.GNUTYPE_SPARSE)], "a sparse file"),
        "another kind": ([entry("v", b"V")], "of a kind that is not known"),
        "a file for good": ([entry("c", tarfile.CONTTYPE)], "of a kind that is not known"),
        "twice a file": ([entry("a"), entry("a")], "twice"),
        "a folder in place of a file": ([entry("a"), folder("a")], "twice"),
        "a link in place of a folder": ([folder("a"), link("a", ".")], "twice"),
        "twice by another spelling": ([folder("a"), folder("./a/")], "twice"),
        "what removes a file below": ([entry(".wh.bin")], "would remove"),
        "what hides a folder below": ([folder("a"), entry("a/.wh..wh..opq")], "would remove"),
        "below such a folder": ([folder(".wh.x"), entry(".wh.x/y")], "would remove"),
        "an escape sequence": ([entry("a\x1b[2J")], "cannot be shown"),
        "a line break": ([entry("a\nb")], "cannot be shown"),
        "not UTF-8": ([entry("a\udcff")], "not UTF-8"),
        "a long name": ([entry("x" * 241)], "is too long"),
        "a long path": ([entry("/".join(["x" * 200] * 6))], "is too long"),
        "a name without an end": ([entry("x" * 3000)], "longer than 1000 bytes"),
        "a deep path": ([entry("/".join("x" * 61))], "is too long"),
        "a file as the environment": ([entry(".")], "is no folder"),
        "a folder with a content": ([folder("a", size=512)], "has a content"),
    }.values(),
)  # fmt: skip
def test_what_has_no_place_in_a_layer_is_refused_by_name(
    entries: list[tuple[tarfile.TarInfo, bytes]], words: str
) -> None:
    assert words in refused(packed(*entries))


def test_headers_that_say_more_than_one_block_are_refused_unread() -> None:
    """In the pax format the archive says how much is to be read, and what the next entry is called."""
    made = tarfile.TarInfo("a")
    made.pax_headers = {"path": "../x", "GNU.sparse.major": "1", "SCHILY.xattr.security.capability": "x"}
    assert "pax" in refused(packed((made, b""), form=tarfile.PAX_FORMAT))
    huge, _content = entry("x", tarfile.XGLTYPE)
    huge.size = 1 << 60
    assert "pax" in refused(packed((huge, b"")))
    long, _content = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    long.size = 1 << 50
    assert "longer than 1000 bytes" in refused(packed((long, b"")))


def test_headers_of_long_names_that_follow_each_other_without_end_are_refused() -> None:
    one = packed(entry("././@LongLink", tarfile.GNUTYPE_LONGNAME, b"a\0"), end=False)
    assert "longer than" in refused(one * 5000)


def test_long_names_and_links_of_the_gnu_format_are_read() -> None:
    name, target = "n" * 150, "t" * 150
    found = written(packed(entry(name), link("a", target)))
    assert {f"{ROOT}/{name}", f"{ROOT}/a"} <= set(found) and found[f"{ROOT}/a"].linkname == target


def test_a_bomb_of_bytes_is_refused_before_it_is_read() -> None:
    made, _content = entry("a")
    made.size = 1 << 62

    class Source(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None and 0 <= size <= 1 << 20, "no more than a piece is held in memory"
            Source.asked += size
            return super().read(size)

    with pytest.raises(archive.ArchiveError, match="more than 1048576 bytes"):
        archive.write_layer(Source(packed((made, b""))), io.BytesIO(), ROOT, BOUNDS)
    assert Source.asked == 512
    raw = packed(*(entry(f"f{number}", content=bytes(200_000)) for number in range(6)))
    assert "more than 1048576 bytes" in refused(raw)


def test_a_million_entries_are_refused_at_the_bound() -> None:
    class Endless:
        count = 0

        def read(self, size: int) -> bytes:
            assert size == 512
            Endless.count += 1
            return entry(f"f{Endless.count}")[0].tobuf(tarfile.GNU_FORMAT)

    with pytest.raises(archive.ArchiveError, match="more than 1000 files"):
        archive.write_layer(Endless(), io.BytesIO(), ROOT, BOUNDS)  # type: ignore[arg-type]
    assert Endless.count == 1001


def test_paths_that_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_NAMES", 10_000)
    assert written(packed(*(entry(f"{number:09d}") for number in range(900))))
    assert "more than 10000 bytes together" in refused(packed(*(entry(f"{number:0200d}") for number in range(60))))


@pytest.mark.parametrize("cut", [100, 512, 700, 1024, 1500])
def test_an_archive_that_ends_too_early_is_refused(cut: int) -> None:
    assert "too early" in refused(packed(entry("a", content=b"x" * 900), end=False)[:cut])


@pytest.mark.parametrize(
    "change",
    {
        "another sum": lambda raw: raw[:148] + b"0000000\0" + raw[156:],
        "a size that is no number": lambda raw: summed(raw[:124] + b"zzzzzzzzzzz\0" + raw[136:]),
        "a size below nothing": lambda raw: summed(raw[:124] + b"\xff" * 12 + raw[136:]),
        "noise": lambda raw: os.urandom(len(raw)),
    }.values(),
)  # fmt: skip
def test_a_damaged_header_is_refused(change: Callable[[bytes], bytes]) -> None:
    assert refused(change(packed(entry("a", content=b"x"))))


def summed(raw: bytes) -> bytes:
    """Return a header with the checksum it should have."""
    total = sum(struct.unpack_from("148B8x356B", raw)) + 256
    return raw[:148] + f"{total:06o}\0 ".encode() + raw[156:]


def test_what_is_written_never_leaves_the_folder_whatever_is_put_together(tmp_path: Path) -> None:
    """Every archive of two entries of a handful of kinds and names: what passes is unpacked, and the kernel asked."""
    names = ["a", "a/b", "..", "/a", "a/..", "./a", "a/b/c"]
    targets = ["a", "..", "../x", "/etc", ".", "b/../.."]
    some = [folder(name) for name in names] + [entry(name) for name in names]
    some += [link(name, target) for name in names for target in targets]
    passed = 0
    for number, (first, second) in enumerate(itertools.product(some, some)):
        out = io.BytesIO()
        try:
            archive.write_layer(io.BytesIO(packed(first, second)), out, ROOT, BOUNDS)
        except archive.ArchiveError:
            continue
        passed += 1
        place = tmp_path / str(number)
        with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as layer:
            layer.extractall(place, filter="fully_trusted")
        inside = place / ROOT
        for path in [one for one in place.rglob("*") if one not in (place / "opt", place / "opt/lab")]:
            assert path.is_relative_to(inside)
            assert Path(os.path.realpath(path)).is_relative_to(inside), (path, path.is_symlink())
    assert passed >= 12
