# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares that take the place of something, and shares that go: nothing of anybody is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import converge as core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_runs import (
    DATA,
    ROOT,
    run,
    steps,
)


@pytest.mark.parametrize(
    "line",
    [
        "//old/data /mnt/data cifs credentials=/root/c,auto,ro,mfsymlinks 0 0\n",
        "//old/data /mnt/data/ cifs\n",
        "//old/data\t/mnt/data  cifs ro # by hand\n",
    ],
)
def test_a_hand_made_mount_is_taken_over(machine: Machine, inputs: dict[str, Any], line: str) -> None:
    machine.file("/etc/fstab", f"# mine\n{line}# end\n")
    (machine.base / "mnt/data").mkdir()
    machine.put("/mnt/data", "//old/data", "cifs", "ro,vers=1.0")
    run(machine, inputs)
    assert "//old/data" not in machine.fstab and machine.fstab.startswith("# mine\n//nas/data ")
    assert [mount for mount in machine.live() if mount[0] == "/mnt/data"] == []
    assert (machine.base / "mnt/data").readlink() == Path(DATA)
    assert run(machine, inputs)["changed"] is False


def test_files_that_were_hidden_beneath_a_hand_made_mount_are_kept(machine: Machine, inputs: dict[str, Any]) -> None:
    machine.file("/etc/fstab", "//old/data /mnt/data cifs ro 0 0\n")
    machine.file("/mnt/data/lost.txt", "written while the NAS was away")
    machine.put("/mnt/data", "//old/data", "cifs", "ro")
    result = run(machine, inputs)
    assert machine.file("/mnt/data.before-share-now/lost.txt") and "/mnt/data.before-share-now" in result["warnings"][0]


def test_nothing_replaces_a_disk_or_a_full_folder_or_a_link(machine: Machine, inputs: dict[str, Any]) -> None:
    machine.file("/etc/fstab", "/dev/sdb1 /mnt/data ext4 defaults 0 2\n")
    machine.file("/mnt/books/mine.txt", "x")
    before = machine.tree()
    with pytest.raises(core.RefusedError) as caught:
        run(machine, inputs)
    assert len(caught.value.problems) == 2
    assert "line 1 of /etc/fstab mounts /dev/sdb1 (ext4)" in caught.value.problems[0]
    assert "/mnt/books is a folder with content" in caught.value.problems[1]
    assert machine.tree() == before


def test_a_share_that_is_not_listed_any_more_goes(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: `absent` overlooks short lines and fails on automounts."""
    run(machine, inputs)
    gone = inputs["shares_list"].pop(1)
    result = run(machine, inputs)
    assert machine.live() == [(DATA, "//nas/data")] and gone["source"].split()[0] not in machine.fstab.split()
    assert not (machine.base / "mnt/books").is_symlink()
    assert not (machine.base / ROOT.strip("/") / "books").exists()
    assert [path for what, path in steps(result) if what == "remove file"] == ["/etc/labserver/shares/credentials/w"]
    assert "books" not in json.loads(machine.file("/etc/labserver/public/shares.json"))["shares"]
    assert run(machine, inputs)["changed"] is False


def test_files_beneath_a_share_that_goes_are_kept_and_told_without_a_change(
    machine: Machine, inputs: dict[str, Any]
) -> None:
    run(machine, inputs)
    left = machine.base / ROOT.strip("/") / "books/files/left"
    left.parent.chmod(0o700)
    left.write_text("written before the share was mounted")
    inputs["shares_list"].pop(1)
    assert f"{ROOT}/books/files stays: Directory not empty" in run(machine, inputs)["warnings"]
    for check in (True, False):
        again = run(machine, inputs, check)
        assert (again["changed"], steps(again)) == (False, [])
        assert f"{ROOT}/books belongs to no share any more, but holds files; look at them" in again["warnings"]
    assert left.read_text() == "written before the share was mounted"


def test_everything_goes_and_the_others_learn_of_it(machine: Machine, inputs: dict[str, Any]) -> None:
    before = machine.fstab
    run(machine, inputs)
    nothing = inputs | {"shares_list": [], "shares_credentials": {}}
    run(machine, nothing)
    assert (machine.fstab, machine.stack) == (before, [])
    assert json.loads(machine.file("/etc/labserver/public/shares.json")) == {"version": 1, "shares": {}}
    assert not (machine.base / "etc/labserver/shares/credentials/r").exists()
    assert run(machine, nothing)["changed"] is False


def test_a_moved_path_leaves_no_link_behind(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    inputs["shares_list"][0]["path"] = "/data"
    run(machine, inputs)
    assert (machine.base / "data").is_symlink() and not (machine.base / "mnt/data").is_symlink()
    assert run(machine, inputs)["changed"] is False
