# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signs of a host: each fault planted, and a host on which all is well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.process import Result
from ansible_collections.labserver.jupyter.plugins.module_utils._status import host, recorded, signs
from ansible_collections.labserver.jupyter.plugins.module_utils._status.services import NAME
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._status.status_machine import (
    GIB,
    MDSTAT,
    MOUNTINFO,
    NOW,
    Machine,
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_told_of_a_host_on_which_all_is_well(machine: Machine) -> None:
    assert machine.bad() == {}
    assert len(machine.look()) == 14 and all(NAME.fullmatch(name) for name in machine.look())


def test_who_only_looks_changes_nothing(machine: Machine) -> None:
    key = machine.write("etc/labserver/hub/secrets/cookie_secret", "x", 0o644)
    assert [one.level for one in host.look(machine.world(), mend=False)] == ["ok"] * 13
    assert key.stat().st_mode & 0o777 == 0o644 and not (machine.root / recorded.DISKS.path).exists()


def test_a_host_that_shows_nothing_is_not_called_bad(tmp_path: Path) -> None:
    assert host.of_host(tmp_path) == []
    world = host.World(tmp_path, capture=lambda *_: (Result(127), ""), kernel=lambda: b"")
    assert [one for one in host.look(world) if one.level != "ok"] == []


def test_in_a_container_the_kernel_is_another_s(machine: Machine) -> None:
    machine.write("run/systemd/container", "docker")
    machine.write("proc/mdstat", MDSTAT.format(count=1, state="U_"))
    assert list(machine.look()) == ["host-secrets", "host-cron", "host-mounts", "host-homes"]


def test_a_file_system_that_can_only_be_read_is_told_unless_fstab_wants_it_so(machine: Machine) -> None:
    machine.write("proc/self/mountinfo", MOUNTINFO.format(home="ro"))
    level, message = machine.bad()["host-writable"]
    assert level == "critical" and message.startswith("/home can only be read")
    machine.write("etc/fstab", "/dev/sdb1 /home xfs defaults,ro 0 0\n")
    assert machine.bad() == {}


@pytest.mark.parametrize(
    ("line", "level", "words"),
    [
        ("I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0", "critical", "1 errors of disks or hardware"),
        ("EXT4-fs error (device sda1): ext4_find_entry:1663: inode #2: comm ls", "critical", "EXT4-fs error"),
        ("EXT4-fs (sda1): Remounting filesystem read-only", "critical", "Remounting"),
        ("XFS (sdb1): metadata I/O error in \"xfs_read\" at daddr 0x1", "critical", "metadata"),
        ("ata3.00: failed command: READ FPDMA QUEUED", "critical", "ata3"),
        ("nvme nvme0: I/O 12 QID 3 timeout, aborting", "critical", "nvme0"),
        ("mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 5", "critical", "Hardware Error"),
        ("NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out", "warning", "errors of the network"),
        ("Out of memory: Killed process 4242 (python3) total-vm:1kB, UID:20001", "warning", "ended python3 (1 in"),
    ],
)  # fmt: skip
def test_what_the_kernel_tells_is_told_for_a_day(machine: Machine, line: str, level: str, words: str) -> None:
    at = 864000 - 3600
    machine.kmsg += f"3,9,{at}000000,-;{line}\n SUBSYSTEM=x\n".encode()
    found = machine.bad()["host-kernel"]
    assert found[0] == level and words in found[1]
    machine.write("proc/uptime", f"{864000 + 86400}.0 1.0\n")
    assert machine.bad() == {}


def test_escape_sequences_of_the_log_go_no_further(machine: Machine) -> None:
    machine.kmsg += b"3,9,863999000000,-;I/O error \x1b]0;x\x07 dev sda\xff\n"
    assert machine.bad()["host-kernel"][1].isprintable()


@pytest.mark.parametrize(("part", "level"), [("9.9", "ok"), ("10.0", "warning"), ("41.5", "critical")])
def test_memory_for_which_everything_waits_is_told(part: str, level: str) -> None:
    assert signs.memory(f"some avg300=99.0\nfull avg10=0.0 avg60=0.0 avg300={part} total=5\n")[0] == level


@pytest.mark.parametrize("state", ["U_", "_U"])
def test_an_array_that_lacks_a_disk_is_told(machine: Machine, state: str) -> None:
    machine.write("proc/mdstat", MDSTAT.format(count=1, state=state))
    assert machine.bad()["host-raid"] == (
        "critical",
        "md0 lacks a disk: another failure loses data; mdadm --detail /dev/md0 names it",
    )


def test_failed_units_are_named(machine: Machine) -> None:
    machine.failed = "smartd.service loaded failed failed Self Monitoring\nx.mount loaded failed failed x\n"
    assert machine.bad()["host-units"][1].startswith("failed: smartd.service, x.mount; systemctl status smartd.service")


def test_a_restart_that_is_due_is_told_after_a_week(machine: Machine) -> None:
    flag = machine.write("run/reboot-required", "")
    machine.write("run/reboot-required.pkgs", "linux-image-6.1\nlibc6\nlinux-image-6.1\n")
    os.utime(flag, (NOW - 6 * 86400, NOW - 6 * 86400))
    assert machine.bad() == {}
    os.utime(flag, (NOW - 8 * 86400, NOW - 8 * 86400))
    assert (
        "an update (libc6, linux-image-6.1) has waited for a restart of the host for 8 days"
        in machine.bad()["host-restart"][1]
    )


def test_a_clock_that_nothing_sets_is_told_when_the_host_is_up_for_an_hour(machine: Machine) -> None:
    machine.synchronized = "no\n"
    assert machine.bad()["host-clock"][0] == "warning"
    machine.write("proc/uptime", "600.0 1.0\n")
    assert "host-clock" not in machine.bad()


def test_secrets_that_everybody_could_read_are_closed_and_named(machine: Machine) -> None:
    key = machine.write("etc/labserver/tls/.versions/server/aa/key.pem", "x", 0o644)
    right = machine.write("etc/labserver/hub/secrets/cookie_secret", "x", 0o600)
    group = machine.write("etc/labserver/registry/container/http_secret", "x", 0o640)
    public = machine.write("etc/labserver/tls/.versions/server/aa/cert.pem", "x", 0o644)
    link = machine.root / "etc/labserver/jobs.d/x.json"
    link.parent.mkdir()
    link.symlink_to(public)
    level, message = machine.bad()["host-secrets"]
    assert level == "warning" and "/etc/labserver/tls/.versions/server/aa/key.pem" in message and "cert" not in message
    assert [one.stat().st_mode & 0o777 for one in (key, right, group, public)] == [0o640, 0o600, 0o640, 0o644]
    assert machine.bad() == {}


def test_a_disk_that_fills_up_is_told_days_before(machine: Machine) -> None:
    for _hour in range(75):
        machine.look()
        machine.now += 3600
        machine.used += GIB // 3
    assert "/ is full in 7 days at the growth of the last 3 days" in machine.bad()["host-growth_root"][1]
    assert len(json.loads((machine.root / recorded.DISKS.path).read_bytes())["free"]["/"]) == 76
    for _hour in range(60):
        machine.look()
        machine.now += 3600
    assert machine.bad() == {}, "it grows no more"


@pytest.mark.parametrize("moment", [10, 50, 60, 75, 99])
def test_what_was_copied_once_is_no_growth(machine: Machine, moment: int) -> None:
    for hour in range(100):
        machine.used += 60 * GIB if hour == moment else 0
        assert machine.bad() == {}
        machine.now += 3600


def test_the_history_of_a_disk_ends(machine: Machine) -> None:
    for _day in range(400):
        machine.look()
        machine.now += 3600
    assert len(json.loads((machine.root / recorded.DISKS.path).read_bytes())["free"]["/"]) == 400
