# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are replaced as a whole, on the disk too, and nothing is left over."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from labhub.exchange import files


def test_a_file_and_its_folder_are_on_the_disk_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)), real(handle))
    )
    files.replace(tmp_path / "one", b"new")
    assert synced == [False, True]
    assert (tmp_path / "one").read_bytes() == b"new"
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_changes_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    with pytest.raises(OSError, match="disk"), files.replacing(tmp_path / "one") as new:
        new.write_bytes(b"half")
        raise OSError("disk is full")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"old"}


def test_what_a_killed_process_left_is_removed_later(tmp_path: Path) -> None:
    (tmp_path / ".one.abc.new").write_bytes(b"half")
    (tmp_path / ".two.abc.new").write_bytes(b"of a process that still writes")
    os.utime(tmp_path / ".one.abc.new", (0, 0))
    files.replace(tmp_path / "one", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".two.abc.new", "one"]
