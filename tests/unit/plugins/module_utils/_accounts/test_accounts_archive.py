# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes as people make them, archived and brought back by GNU tar; and one person's oddity that stops nobody else."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import archive
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.world import RefusedError
from ansible_collections.labserver.jupyter.plugins.module_utils._common import tree
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import FakeHost

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NONE = 0xFFFFFFFF  # no id, in an ACL
ARCHIVES = "srv/labserver/accounts/archive"
GONE = [{"name": "mira", "state": "absent"}, {"name": "jonas"}]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "jupyter-mira"
    path.mkdir()
    yield path
    if path.exists():
        tree.remove(path)  # pytest's own cleanup knows no such depth


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FakeHost]:
    host = FakeHost(tmp_path)
    host.run(users=[{"name": "mira"}, {"name": "jonas"}])
    yield host
    for path in (tmp_path / "home").iterdir():
        if path.is_dir() and not path.is_symlink():
            tree.remove(path)


def nest(top: Path, names: list[str]) -> None:
    """Make folders within each other, deeper than any path can say."""
    folder = os.open(top, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=folder)
        inside = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inside
    with os.fdopen(os.open("deepest", os.O_WRONLY | os.O_CREAT, dir_fd=folder), "w") as file:
        file.write("found again")
    os.close(folder)


def plain(made: archive.Archive) -> bytes:
    """Return the tar file, unpacked without the code under test."""
    command = "zstd" if made.path.suffix == ".zst" else "gzip"
    return subprocess.run([command, "-dc", str(made.path)], capture_output=True, check=True).stdout


@pytest.mark.parametrize("names", [["d"] * 11000, ["n" * 200] * 40], ids=["11000 folders", "40 long names"])
def test_a_deep_home_is_archived_compared_and_removed(home: Path, names: list[str]) -> None:
    nest(home, names)
    begin = time.process_time()
    made = archive.make(home, home.parent / "archive", "jupyter-mira", NOW, {})
    assert archive.verify(made, home) is None
    archive.remove_home(home)
    assert time.process_time() - begin < 60
    assert not home.exists()
    content = plain(made)
    assert f"jupyter-mira/{'/'.join(names)}/deepest".encode() in content
    assert b"found again" in content


def test_endless_nesting_fails_for_that_home_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nest(home, ["deep"] * 30)
    with monkeypatch.context() as patch:
        patch.setattr(tree, "LONGEST_PATH", 100)
        with pytest.raises(archive.ArchiveError, match="nested deeper than a path of 100 bytes"):
            archive.make(home, home.parent / "archive", "jupyter-mira", NOW, {})
    assert list((home.parent / "archive").iterdir()) == []


def fill(home: Path) -> None:
    (home / "data.bin").write_bytes(os.urandom(1 << 20))
    (home / "empty").write_bytes(b"")
    (home / "a folder").mkdir(mode=0o750)
    (home / "a folder" / ("n" * 250)).write_text("long name")
    (home / "übung\nzeile").write_text("odd name")
    Path(os.fsdecode(bytes(home) + b"/latin-\xe4")).write_text("not UTF-8")
    (home / "link").symlink_to("a folder/../nowhere")
    os.link(home / "data.bin", home / "same.bin")
    os.mkfifo(home / "pipe")
    os.utime(home / "empty", ns=(0, 1_234_567_890_123_456_789))
    (home / "data.bin").chmod(0o4755)
    with (home / "sparse").open("wb") as file:
        file.seek(3 << 20)
        file.write(b"in the middle")
        file.truncate(1 << 40)


def facts(path: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for place in sorted(path.rglob("*")):
        status = place.lstat()
        content: object = place.readlink() if place.is_symlink() else b""
        if place.is_file() and not place.is_symlink() and status.st_size < 1 << 30:
            content = place.read_bytes()
        size = 0 if place.is_dir() else status.st_size
        found[str(place.relative_to(path))] = (status.st_mode, status.st_mtime_ns, status.st_nlink, size, content)
    return found


def test_gnu_tar_brings_everything_back(home: Path) -> None:
    fill(home)
    begin = time.monotonic()
    made = archive.make(home, home.parent / "archive", "jupyter-mira", NOW, {"user": "mira"})
    assert time.monotonic() - begin < 30, "a file of 1 TB with a hole is not read through"
    assert made.path.stat().st_size < 4 << 20
    target = home.parent / "back"
    target.mkdir()
    subprocess.run(["tar", "-xp", "--numeric-owner", "--xattrs", "-C", str(target)], input=plain(made), check=True)
    assert facts(target / "jupyter-mira") == facts(home)
    with (target / "jupyter-mira/sparse").open("rb") as file:
        file.seek(3 << 20)
        assert file.read(20) == b"in the middle" + b"\0" * 7
    assert (target / "jupyter-mira/sparse").stat().st_blocks < 1000
    same = [(target / "jupyter-mira" / name).stat().st_ino for name in ("data.bin", "same.bin")]
    assert same[0] == same[1]


def test_attributes_and_acls_come_back(home: Path) -> None:
    (home / "file").write_text("x")
    try:
        os.setxattr(home / "file", "user.note", b"\xff\0binary")
        acl = b"\x02\0\0\0" + b"".join(
            tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + number.to_bytes(4, "little")
            for tag, bits, number in ((1, 6, NONE), (2, 4, 1234), (4, 4, NONE), (16, 4, NONE), (32, 0, NONE))
        )
        os.setxattr(home / "file", "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"not on this file system: {error}")
    made = archive.make(home, home.parent / "archive", "jupyter-mira", NOW, {})
    (home.parent / "back").mkdir()
    subprocess.run(
        ["tar", "-x", "--numeric-owner", "--xattrs", "--acls", "-C", str(home.parent / "back")],
        input=plain(made),
        check=True,
    )
    back = home.parent / "back/jupyter-mira/file"
    assert os.getxattr(back, "user.note") == b"\xff\0binary"
    assert os.getxattr(back, "system.posix_acl_access") == acl


@pytest.mark.parametrize("change", ["content", "mode", "more", "less", "time", "hole"])
def test_a_home_that_changed_is_not_the_one_in_the_archive(home: Path, change: str) -> None:
    fill(home)
    made = archive.make(home, home.parent / "archive", "jupyter-mira", NOW, {})
    assert archive.verify(made, home) is None
    if change == "content":
        status = (home / "data.bin").stat()
        with (home / "data.bin").open("r+b") as file:
            file.seek(1000)
            file.write(b"x" if file.read(1) != b"x" else b"y")
        os.utime(home / "data.bin", ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "mode":
        (home / "a folder").chmod(0o700)
    elif change == "more":
        (home / "zzz").write_text("")
    elif change == "less":
        (home / "pipe").unlink()
    elif change == "time":
        os.utime(home / "empty", ns=(0, 1_234_567_890_123_456_788))
    else:
        with (home / "sparse").open("r+b") as file:
            file.seek(1 << 39)
            file.write(b"late")
    assert archive.verify(made, home) is not None


def test_a_disk_that_fails_is_no_hole_in_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home)
    seek = os.lseek

    def broken(descriptor: int, at: int, how: int) -> int:
        if how in (os.SEEK_DATA, os.SEEK_HOLE):
            raise OSError(errno.EIO, "Input/output error")
        return seek(descriptor, at, how)

    monkeypatch.setattr(os, "lseek", broken)
    with pytest.raises(archive.ArchiveError, match=r"cannot be archived to .*: Input/output error"):
        archive.make(home, home.parent / "archive", "jupyter-mira", NOW, {})
    assert list((home.parent / "archive").iterdir()) == []


def test_a_deep_home_leaves_and_everybody_else_is_done(host: FakeHost) -> None:
    nest(host.root / "home/jupyter-mira", ["d"] * 3000)
    assert host.run(users=GONE, remove_homes=True).failures == []
    assert not (host.root / "home/jupyter-mira").exists()
    assert len(list((host.root / ARCHIVES).glob("*.json"))) == 1


def test_a_mount_in_a_home_is_told_before_the_work_at_every_run(host: FakeHost) -> None:
    host.run(users=GONE)
    assert len(list((host.root / ARCHIVES).glob("*.json"))) == 1
    host.mounts = (Mount("/home/jupyter-mira/nas", "//nas/x", "cifs", frozenset()),)
    for day in (21, 22, 23):
        host.now = datetime(2026, 11, day, tzinfo=UTC)
        (failure,) = host.run(users=GONE, remove_homes=True).failures
        assert "/home/jupyter-mira/nas is a mount point, so /home/jupyter-mira is not deleted; unmount it" in failure
        assert len(list((host.root / ARCHIVES).glob("*.json"))) == 1, "one archive is enough"
    host.mounts = ()
    assert host.run(users=GONE, remove_homes=True).failures == []
    assert len(list((host.root / ARCHIVES).glob("*.json"))) == 1


def test_a_home_that_is_a_link_is_told_with_its_remedy(host: FakeHost) -> None:
    home = host.root / "home/jupyter-jonas"
    (host.root / "data").mkdir()
    shutil.move(home, host.root / "data/jonas")
    home.symlink_to("/data/jonas")
    with pytest.raises(RefusedError) as refused:
        host.run(users=[{"name": "mira"}, {"name": "jonas"}])
    assert refused.value.problems == [
        "accounts_users (name=jonas): /home/jupyter-jonas exists but is a symbolic link to /data/jonas; move that "
        "folder to /home/jupyter-jonas, or make it the home of the account (usermod --home /data/jonas jupyter-jonas)"
    ]


def test_a_damaged_line_is_named_with_file_and_line(host: FakeHost) -> None:
    path = host.root / "etc/passwd"
    path.write_text(path.read_text() + "jupyter-zoe:x:\nbroken:x:\n")
    number = path.read_text().splitlines().index("jupyter-zoe:x:") + 1
    with pytest.raises(ValueError, match=rf"^/etc/passwd line {number}: the entry jupyter-zoe is damaged, field 3 of"):
        host.run(users=[{"name": "mira"}, {"name": "zoe"}])
    assert host.run(users=[{"name": "mira"}, {"name": "jonas"}]).failures == [], "the line of somebody else stays"
