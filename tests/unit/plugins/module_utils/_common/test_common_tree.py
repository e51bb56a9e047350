# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of people are walked through without recursion and without following their links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import tree


def test_folders_come_before_and_after_what_is_in_them_in_order(tmp_path: Path) -> None:
    for name in ("b/c", "b/a", "a"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b/a/file").write_text("x")
    (tmp_path / "z").symlink_to("b")
    steps = [(entry.path, after) for entry, after in tree.steps(tmp_path)]
    assert steps == [
        ("a", False), ("a", True), ("b", False), ("b/a", False), ("b/a/file", False), ("b/a", True), ("b/c", False),
        ("b/c", True), ("b", True), ("z", False),
    ]  # fmt: skip


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others/precious").write_text("kept")
    (tmp_path / "home/inside").mkdir(parents=True)
    (tmp_path / "home/inside/link").symlink_to(tmp_path / "others")
    tree.remove(tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["others"]
    assert (tmp_path / "others/precious").read_text() == "kept"
    (tmp_path / "home").symlink_to("others")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        tree.remove(tmp_path / "home")


def test_a_folder_that_is_moved_meanwhile_ends_the_walk(tmp_path: Path) -> None:
    (tmp_path / "home/a/b/c").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    steps = tree.steps(tmp_path / "home")
    assert [next(steps)[0].path for _number in range(3)] == ["a", "a/b", "a/b/c"]
    (tmp_path / "home/a/b").rename(tmp_path / "elsewhere/b")
    with pytest.raises(tree.TreeError, match="a/b was moved while it was read"):
        list(steps)


def test_nothing_is_deleted_where_another_file_system_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Btrfs subvolume of people is in no table of mounts, and no archive holds what is in it."""
    (tmp_path / "home/z").mkdir(parents=True)
    (tmp_path / "home/a").write_text("kept")
    steps = tree.steps

    def told(root: Path) -> Iterator[tuple[tree.Entry, bool]]:
        return ((replace(entry, foreign=entry.name == "z"), after) for entry, after in steps(root))

    monkeypatch.setattr(tree, "steps", told)
    with pytest.raises(tree.TreeError, match="home/z is on another file system"):
        tree.remove(tmp_path / "home")
    assert (tmp_path / "home/a").read_text() == "kept"
