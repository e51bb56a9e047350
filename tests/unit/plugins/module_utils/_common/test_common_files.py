# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are replaced whole, with their rights from the first byte, and nothing is left behind by a failure."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_bytes(b"old")
    files.replace(path, b"new", 0o640)
    assert (path.read_bytes(), mode(path), names(tmp_path)) == (b"new", 0o640, ["settings"])


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="full"), files.replacing(path) as file:
        file.write(b"half")
        raise OSError("the disk is full")
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["settings"])


def test_rights_are_set_before_the_content(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "secret", 0o600) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


def test_file_and_folder_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(stat.S_ISDIR(os.fstat(number).st_mode)))
    files.replace(tmp_path / "settings", b"new")
    assert flushed == [False, True]


def test_a_new_file_never_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"kept")
    (tmp_path / "new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "new", b"overwritten")
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"


def test_a_candidate_is_gone_after_it_was_judged(tmp_path: Path) -> None:
    with files.candidate(tmp_path, b"server {}", ".conf") as path:
        assert path.read_bytes() == b"server {}"
        assert path.name.endswith(".conf")
    assert names(tmp_path) == []


def test_a_file_in_an_open_folder_takes_the_place_of_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept")
    (tmp_path / "keys").symlink_to("secret")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with files.replacing_at(folder, "keys") as file:
            file.write(b"new")
        with pytest.raises(RuntimeError), files.replacing_at(folder, "keys") as file:
            file.write(b"half")
            raise RuntimeError
    finally:
        os.close(folder)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"secret": "kept", "keys": "new"}
    assert not (tmp_path / "keys").is_symlink()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_copies_of_a_file_do_not_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    (tmp_path / "daemon.json.2321.2026-11-20@10:32:11~").write_text("as older versions named it")
    os.utime(tmp_path / "daemon.json.2321.2026-11-20@10:32:11~", (1, 1))
    for number in range(6):
        path.write_text(f"{number}")
        path.chmod(0o640)
        copy = files.keep_copy(path, datetime(2026, 11, 27, 12, 0, number, tzinfo=UTC))
        os.utime(copy, (100 + number, 100 + number))
    assert [one.read_text() for one in sorted(tmp_path.glob("*~"))] == ["3", "4", "5"]
    assert copy.name == "daemon.json.20261127T120005Z~"
    assert copy.stat().st_mode & 0o777 == 0o640
