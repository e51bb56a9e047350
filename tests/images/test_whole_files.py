# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written whole or not at all; a limit of the process takes the place of a full disk."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paths import ROOT

sys.path.insert(0, str(ROOT / "roles/images/files/images/notebook/server"))
from labserver_notebook import whole


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Let the kernel refuse to make a file larger (EFBIG): half is written, as on a disk that gets full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_new_file_is_there_completely_or_not_at_all(tmp_path: Path) -> None:
    whole.write(tmp_path / "new", b"content")
    assert (tmp_path / "new").read_bytes() == b"content"
    with at_most(5), pytest.raises(OSError):
        whole.write(tmp_path / "other", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("linked", [False, True], ids=["a file of one's own", "a file of two names"])
def test_file_that_cannot_be_written_is_as_before(tmp_path: Path, linked: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    if linked:
        (tmp_path / "second").hardlink_to(path)
    with at_most(10), pytest.raises(OSError):
        whole.write(path, b"much more than fits")
    assert path.read_bytes() == b"before"
    assert not whole.spare_of(path).exists()


def test_rights_links_and_group_stay(tmp_path: Path) -> None:
    path, link, second = tmp_path / "file", tmp_path / "link", tmp_path / "second"
    path.write_bytes(b"before")
    path.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(path, -1, 4242)
    link.symlink_to("file")
    whole.write(link, b"after")
    assert link.is_symlink() and path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o664
    assert os.geteuid() != 0 or path.stat().st_gid == 4242
    second.hardlink_to(path)
    whole.write(path, b"again")
    assert second.read_bytes() == b"again"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have somebody else's file")
def test_a_colleagues_file_stays_the_colleagues(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    os.chown(path, 4242, -1)
    whole.write(path, b"after")
    assert (path.read_bytes(), path.stat().st_uid) == (b"after", 4242)


def test_words_tell_quota_and_disk_apart() -> None:
    quota = whole.words(OSError(errno.EDQUOT, ""), "a.ipynb")
    disk = whole.words(OSError(errno.ENOSPC, ""), "a.ipynb")
    assert quota.startswith("Your disk quota is full: a.ipynb was not saved; what was saved before is still there.")
    assert disk.startswith("The disk is full: a.ipynb was not saved;")
    assert whole.is_full(OSError(errno.EDQUOT, "")) and not whole.is_full(OSError(errno.EACCES, ""))
