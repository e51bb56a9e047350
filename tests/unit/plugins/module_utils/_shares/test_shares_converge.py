# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of the shares on a machine of make-believe; each defect measured in ansible.posix.mount has its test."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_runs import (
    DATA,
    ROOT,
    run,
    steps,
)


def test_first_run_mounts_and_second_changes_nothing(machine: Machine, inputs: dict[str, Any]) -> None:
    first = run(machine, inputs)
    assert first["changed"]
    assert machine.live() == [(f"{ROOT}/books/files", "//nas/lab books#1"), (DATA, "//nas/data")]
    assert {name: share["mounted"] for name, share in first["shares"].items()} == {"data": True, "books": True}
    assert (machine.base / "mnt/data").readlink() == Path(DATA)
    before = machine.tree()
    second = run(machine, inputs)
    assert (second["changed"], steps(second)) == (False, [])
    assert machine.tree() == before


def test_check_mode_predicts_and_touches_nothing(machine: Machine, inputs: dict[str, Any]) -> None:
    before = machine.tree()
    predicted = run(machine, inputs, check=True)
    assert machine.tree() == before and machine.commands == []
    assert predicted["changed"] and steps(predicted) == steps(run(machine, inputs))


def test_groups_that_do_not_exist_yet(machine: Machine, inputs: dict[str, Any]) -> None:
    inputs["shares_list"][0]["access"] = {"physics": "ro"}
    assert 'group "physics"' in run(machine, inputs, check=True)["warnings"][0]
    with pytest.raises(core.RefusedError, match="physics"):
        run(machine, inputs)


def test_roster_gids_win_over_the_hosts(machine: Machine, inputs: dict[str, Any]) -> None:
    roster = {"version": 1, "users": {}, "groups": {"leem": {"gid": 40001}}}
    machine.file("/etc/labserver/public/roster.json", json.dumps(roster))
    run(machine, inputs)
    assert "gid=40001,file_mode=0660,dir_mode=0770" in machine.fstab


def test_another_root_takes_all_shares_along(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    moved = inputs | {"shares_root": "/data/shares"}
    predicted = steps(run(machine, moved, check=True))
    assert steps(run(machine, moved)) == predicted
    assert [target for target, _source in machine.live()] == ["/data/shares/books/files", "/data/shares/data/files"]
    assert ROOT not in machine.fstab and not list((machine.base / ROOT.lstrip("/")).iterdir())
    assert (machine.base / "mnt/data").readlink() == Path("/data/shares/data/files")
    assert not (machine.base / "etc/systemd/system/srv-labserver-shares-.mount.d/labserver.conf").exists()
    assert run(machine, moved)["changed"] is False


def test_a_root_that_a_failed_run_had_begun_is_not_forgotten(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.verdicts = ["", "/x\n   [E] trouble"]
    with pytest.raises(host_core.ApplyError, match="trouble"):
        run(machine, inputs | {"shares_root": "/data/shares"})
    assert (machine.base / "data/shares/data").is_dir()
    run(machine, inputs)
    assert not list((machine.base / "data/shares").iterdir()) and run(machine, inputs)["changed"] is False


def test_a_root_within_the_former_one_is_refused(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    before = machine.tree()
    with pytest.raises(core.RefusedError, match="give one outside of it"):
        run(machine, inputs | {"shares_root": f"{ROOT}/new"})
    assert machine.tree() == before


def test_what_somebody_did_by_hand_is_seen(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.stack = [("/x", "tmpfs", "tmpfs", "rw")]
    machine._show()
    assert {reason["reason"] for reason in run(machine, inputs)["actions"]} == {"not mounted"}
    assert len(machine.live()) == 3
    machine.stack = [(target, source.replace("data", "wrong"), *rest) for target, source, *rest in machine.stack]  # type: ignore[misc]
    machine._show()
    assert {action["reason"] for action in run(machine, inputs)["actions"]} == {"//nas/wrong is mounted"}


def test_guard_and_rights_of_the_folders(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    for name in ("data", "data/files", "books", "books/files"):
        assert f"{machine.base}{ROOT}/{name}" in machine.immutable
    assert stat.S_IMODE((machine.base / ROOT.strip("/") / "books/files").stat().st_mode) == 0
    assert stat.S_IMODE((machine.base / ROOT.strip("/") / "books").stat().st_mode) == 0o750
    machine.immutable.clear()
    machine.stack = []
    machine._show()
    assert ("make folder", DATA) in steps(run(machine, inputs))
    assert f"{machine.base}{DATA}" in machine.immutable


def test_passwords_are_in_their_file_and_nowhere_else(machine: Machine, inputs: dict[str, Any]) -> None:
    secret = ", a#b 'c' \"d\" =\u00e4%x\\"
    machine.passwords["writer"] = inputs["shares_credentials"]["w"]["password"] = secret
    machine.file("/etc/fstab", "//nas/x /x cifs user=a,password=Foreign1 0 0\n")
    result = run(machine, inputs)
    place = machine.base / "etc/labserver/shares/credentials/w"
    assert place.read_text() == f"username=writer\npassword={secret}\ndomain=LAB\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600 and stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert secret not in repr(machine.commands) and secret not in repr(result)
    assert "Foreign1" not in repr(result["diff"]) and "password=Foreign1" in machine.fstab
    others = [content for name, content in machine.tree().items() if not name.endswith("credentials/w")]
    assert secret.encode() not in b"".join(content for content in others if isinstance(content, bytes))


def test_what_the_other_rooms_are_told(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    told = json.loads(machine.file("/etc/labserver/public/shares.json"))
    assert told["shares"]["data"] == {
        "type": "cifs",
        "mount_point": DATA,
        "path": "/mnt/data",
        "bind": f"{ROOT}/data",
        "access": {"leem": "ro", "xps": "ro"},
        "others": "none",
        "when_absent": "refuse",
    }
    assert stat.S_IMODE((machine.base / "etc/labserver/public/shares.json").stat().st_mode) == 0o644


def test_a_local_folder_and_nfs_take_the_same_shape(machine: Machine, inputs: dict[str, Any]) -> None:
    inputs["shares_list"] = [
        {"name": "scratch", "type": "local", "source": "/srv/scratch", "access": {"leem": "rw"}},
        {"name": "home", "type": "nfs", "source": "nas:/home", "access": {"leem": "rw"}, "path": "/mnt/x y"},
    ]
    run(machine, inputs)
    assert "/srv/scratch /srv/labserver/shares/scratch/files none bind,nosuid,nodev,nofail,rw 0 0\n" in machine.fstab
    assert "nas:/home /srv/labserver/shares/home/files nfs vers=4.2," in machine.fstab
    assert stat.S_IMODE((machine.base / "srv/scratch").stat().st_mode) == 0o2770
    assert run(machine, inputs)["changed"] is False
