# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares are really mounted as the inputs say, and what is away is called away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_runs import (
    DATA,
    ROOT,
    run,
    steps,
)


def test_a_silent_share_does_not_keep_others_from_being_mounted(machine: Machine, inputs: dict[str, Any]) -> None:
    """findmnt, systemd and umount look at every mount point and wait for the server of a mounted one."""
    run(machine, inputs)
    machine.silent, machine.away = {DATA}, {"//nas/data"}
    new = {"name": "late", "source": "//nas/late", "credentials": "r", "access": {"leem": "ro"}}
    result = run(machine, inputs | {"shares_list": [*inputs["shares_list"], new]})
    assert (f"{ROOT}/late/files", "//nas/late") in machine.live()
    assert result["warnings"] == [f"{DATA} did not answer within 10 s and was detached"]
    assert not result["shares"]["data"]["mounted"] and result["shares"]["books"]["mounted"]
    machine.silent, machine.away = set(), set()
    machine.command(["stat", f"{DATA}/."], 1)  # somebody looks: the automount is still there
    assert (DATA, "//nas/data") in machine.live()


def test_a_silent_mount_that_cannot_be_detached_ends_the_run_with_a_reason(
    machine: Machine, inputs: dict[str, Any]
) -> None:
    """Without an automount nothing would bring it back, so it stays, and with it what waits for it."""
    inputs["shares_options"] = {"cifs": {"x-systemd.automount": False}}
    run(machine, inputs)
    machine.silent = {DATA}
    new = {"name": "late", "source": "//nas/late", "credentials": "r", "access": {"leem": "ro"}}
    late = inputs | {"shares_list": [*inputs["shares_list"], new]}
    machine.verdicts = [f"{ROOT}/late/files\n   [E] unsupported source"]
    with pytest.raises(host_core.ApplyError, match="unsupported source"):
        run(machine, late)
    with pytest.raises(host_core.ApplyError, match=f"did not read /etc/fstab again within 40 s .*{DATA}.*repeats it"):
        run(machine, late)
    machine.silent = set()
    assert run(machine, late)["shares"]["late"]["mounted"]


def test_another_source_is_really_mounted(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: "changed", the old share still mounted, the next run content."""
    run(machine, inputs)
    inputs["shares_list"][0]["source"] = "//nas/other"
    result = run(machine, inputs)
    assert ("unmount", DATA) in steps(result) and (DATA, "//nas/other") in machine.live()
    assert (DATA, "//nas/data") not in machine.live() and len(machine.live()) == 2
    assert run(machine, inputs)["changed"] is False


@pytest.mark.parametrize("option", [{"seal": True}, {"vers": "3.0"}, {"file_mode": "0640"}, {"mfsymlinks": False}])
def test_changed_options_take_effect(machine: Machine, inputs: dict[str, Any], option: dict[str, Any]) -> None:
    """posix.mount: `seal` and `vers` "changed" by a remount that the kernel ignores."""
    run(machine, inputs)
    machine.commands.clear()
    inputs["shares_list"][1]["options"] = option
    result = run(machine, inputs)
    assert [step for step in steps(result) if step[0] in ("unmount", "mount")] == [
        ("unmount", f"{ROOT}/books/files"),
        ("mount", f"{ROOT}/books/files"),
    ]
    assert not any("remount" in word for command in machine.commands for word in command)


def test_a_new_password_mounts_anew_only_what_uses_it(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.passwords["writer"] = inputs["shares_credentials"]["w"]["password"] = "new\\"
    result = run(machine, inputs)
    assert {path for what, path in steps(result) if what in ("mount", "unmount")} == {f"{ROOT}/books/files"}
    assert result["shares"]["books"] == {"mounted": True, "reason": ""}
    assert run(machine, inputs)["changed"] is False


def test_unreachable_server_is_not_called_mounted(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: with nofail "mounted, changed" in every run; without it, fstab is rolled back."""
    machine.away = {"//nas/data"}
    first = run(machine, inputs)
    assert first["shares"]["data"] == {
        "mounted": False,
        "reason": "not mounted: the server cannot be reached (error 113)",
    }
    assert "//nas/data" in machine.fstab
    assert run(machine, inputs)["changed"] is False
    machine.away.clear()
    healed = run(machine, inputs)
    assert (healed["changed"], healed["shares"]["data"]["mounted"]) == (
        False,
        True,
    )  # by its automount, not by a change


def test_without_automount_a_failed_mount_is_no_change(machine: Machine, inputs: dict[str, Any]) -> None:
    inputs["shares_options"] = {"cifs": {"x-systemd.automount": False}}
    machine.away = {"//nas/data"}
    assert not run(machine, inputs)["shares"]["data"]["mounted"]
    again = run(machine, inputs)
    assert (again["changed"], again["shares"]["data"]["reason"]) == (False, "the server cannot be reached (error 113)")


def test_wrong_password_is_said_in_words(machine: Machine, inputs: dict[str, Any]) -> None:
    machine.passwords["reader"] = "other"
    assert "refused the user name or password" in run(machine, inputs)["shares"]["data"]["reason"]


def test_systemd_is_told(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: no daemon-reload, the automount unit does not exist."""
    run(machine, inputs)
    reload = machine.commands.index(["systemctl", "daemon-reload"])
    start = machine.commands.index(["systemctl", "start", "srv-labserver-shares-data-files.automount"])
    assert reload < start
    text = machine.file("/etc/systemd/system/srv-labserver-shares-.mount.d/labserver.conf")
    assert "StartLimitIntervalSec=0" in text


@pytest.mark.parametrize("systemd", [False, True], ids=["without systemd", "in a container with systemd"])
def test_without_automounts_shares_are_mounted_directly(tmp_path: Path, inputs: dict[str, Any], systemd: bool) -> None:
    machine = Machine(tmp_path / "host", systemd=systemd)
    (machine.base / "dev/autofs").unlink(missing_ok=True)
    run(machine, inputs)
    assert len(machine.live()) == len(machine.stack) == 2
    assert run(machine, inputs)["changed"] is False


def test_a_mount_that_is_stuck_is_detached(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.stuck = {DATA}
    run(machine, inputs | {"shares_list": inputs["shares_list"][1:]})
    assert machine.live() == [(f"{ROOT}/books/files", "//nas/lab books#1")]
