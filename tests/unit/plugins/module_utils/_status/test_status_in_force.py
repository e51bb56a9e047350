# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what was set up is still in force, who listens, and what drives say of themselves."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import files, model
from ansible_collections.labserver.jupyter.plugins.module_utils._status import drives, listening
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._status.status_machine import Machine

JOB = model.Job("renew", ("/usr/local/sbin/labserver", "renew"), fields="5 3 * * *")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def with_job(machine: Machine) -> Path:
    machine.write("etc/labserver/jobs.d/renew.json", model.to_json(JOB).decode(), 0o600)
    return machine.write("etc/cron.d/labserver-renew", files.cron_file(JOB).decode())


def test_an_entry_of_cron_as_it_was_written_is_well(machine: Machine) -> None:
    with_job(machine)
    assert machine.bad() == {}


@pytest.mark.parametrize("fault", ["gone", "changed", "others may write it"])
def test_an_entry_of_cron_that_is_not_in_force_is_written_again(machine: Machine, fault: str) -> None:
    entry = with_job(machine)
    if fault == "gone":
        entry.unlink()
    elif fault == "changed":
        entry.write_text(entry.read_text().replace("root", "#root"))
    else:
        entry.chmod(0o666)
    level, message = machine.bad()["host-cron"]
    assert level == "warning" and message == "cron's entries of renew were missing or changed; they are written again"
    assert entry.read_bytes() == files.cron_file(JOB) and entry.stat().st_mode & 0o777 == 0o644
    assert machine.bad() == {}


def test_jobs_of_timers_have_no_entry_of_cron(machine: Machine) -> None:
    with_job(machine).unlink()
    machine.write("etc/systemd/system/labserver-renew.timer", "")
    assert machine.bad() == {} and not (machine.root / "etc/cron.d/labserver-renew").exists()


def test_where_timers_run_the_jobs_one_without_is_told_and_cron_gets_none(machine: Machine) -> None:
    with_job(machine).unlink()
    other = replace(JOB, name="prune")
    machine.write("etc/labserver/jobs.d/prune.json", model.to_json(other).decode(), 0o600)
    machine.write("etc/systemd/system/labserver-renew.timer", "")
    _level, message = machine.bad()["host-cron"]
    assert message == "cron's entries of prune are missing or changed; run playbooks/site.yml"
    assert not (machine.root / "etc/cron.d/labserver-prune").exists()


def test_a_disk_of_fstab_that_is_not_mounted_is_told(machine: Machine) -> None:
    machine.write(
        "etc/fstab", "/dev/sdc1 /srv/labserver ext4 defaults 0 2\n//nas/x /srv/x cifs x 0 0\n/dev/y none swap x\n"
    )
    level, message = machine.bad()["host-mounts"]
    assert level == "critical" and message.startswith("/srv/labserver is in /etc/fstab and not mounted")
    machine.write("etc/fstab", "/dev/sdc1 /mnt/usb ext4 nofail 0 2\n/dev/sdd1 /mnt/hand ext4 noauto 0 2\n")
    level, message = machine.bad()["host-mounts"]
    assert level == "warning" and message.startswith("/mnt/usb is")


@pytest.mark.parametrize(("options", "asked"), [("", "remount,nosuid,nodev"), ("bind,", "remount,bind,nosuid,nodev")])
def test_options_that_take_rights_away_are_put_in_force_again(machine: Machine, options: str, asked: str) -> None:
    machine.write("etc/fstab", f"/dev/sdb1 /home xfs {options}nosuid,nodev,usrquota 0 0\n")
    level, message = machine.bad()["host-mounts"]
    assert level == "warning" and "(nosuid,nodev)" in message and message.endswith("mount it anew")
    assert ("mount", "-o", asked, "/home") in machine.commands


def table(*rows: tuple[str, int, int, int]) -> str:
    """/proc/net/tcp with (address, port, uid, inode) of what listens."""
    lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
    for address, port, uid, inode in rows:
        raw = socket.inet_aton(address)[::-1].hex().upper()
        lines.append(
            f"   0: {raw}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1"
        )
    return "\n".join(lines) + "\n"


def listens(machine: Machine, process: int, name: str, inode: int) -> None:
    machine.write(f"proc/{process}/comm", f"{name}\n")
    folder = machine.root / f"proc/{process}/fd"
    folder.mkdir(exist_ok=True)
    (folder / "3").symlink_to(f"socket:[{inode}]")


def test_who_listens_without_a_name_is_told(machine: Machine) -> None:
    rows = [("0.0.0.0", 22, 0, 1), ("0.0.0.0", 9100, 112, 2), ("127.0.0.1", 8080, 20001, 3)]
    for number, name in ((1, "sshd"), (2, "node_exporter"), (3, "python3"), (4, "python3"), (5, "exim4")):
        listens(machine, number, name, number)
    machine.write("proc/net/tcp", table(*rows))
    assert machine.bad() == {}, "the first look: what the system runs is its own"
    machine.write("proc/net/tcp", table(*rows, ("0.0.0.0", 8888, 20001, 4), ("192.168.1.5", 25, 0, 5)))
    level, message = machine.bad()["host-ports"]
    assert level == "warning" and "25 (exim4), 8888 (python3 of uid 20001)" in message
    assert "9100" not in message and "8080" not in message
    machine.write("etc/labserver/alerts.json", '{"version": 1, "ports": [25, 8888]}', 0o600)
    assert machine.bad() == {}
    machine.write("etc/labserver/alerts.json", '{"version": 2}', 0o600)
    assert "version" in machine.bad()["host-ports"][1]


def test_a_person_s_program_is_not_named_because_it_was_there(machine: Machine) -> None:
    listens(machine, 4, "python3", 4)
    machine.write("proc/net/tcp", table(("0.0.0.0", 8888, 20001, 4)))
    assert "8888" in machine.bad()["host-ports"][1]


def test_a_daemon_may_take_another_port_of_the_kernel_s_choice(machine: Machine) -> None:
    listens(machine, 4, "rpc.statd", 4)
    machine.write("proc/net/tcp", table(("0.0.0.0", 41000, 110, 4)))
    assert machine.bad() == {}
    machine.write("proc/net/tcp", table(("0.0.0.0", 52000, 110, 4)))
    assert machine.bad() == {}


def container(name: str, address: str, port: int, **marks: str) -> dict[str, Any]:
    return {"Names": [f"/{name}"], "Labels": marks, "Ports": [{"IP": address, "PublicPort": port, "PrivatePort": 1}]}


def test_containers_of_somebody_else_that_can_be_reached_are_told(machine: Machine) -> None:
    machine.write("run/docker.sock", "")
    machine.write(
        "etc/labserver/services.d/compose_app.json", '{"version": 1, "services": [{"name": "wiki", "project": "wiki"}]}'
    )
    machine.containers = [
        container("labserver-registry", "0.0.0.0", 5000, **{"labserver.role": "registry"}),
        container("wiki-1", "0.0.0.0", 8090, **{"com.docker.compose.project": "wiki"}),
        container("own-db", "127.0.0.1", 5433),
    ]
    assert machine.bad() == {}
    machine.containers.append(container("db", "0.0.0.0", 5432))
    assert "5432 (container db)" in machine.bad()["host-ports"][1]


def test_what_listens_in_ipv6_is_seen(machine: Machine) -> None:
    head = "  sl  local_address\n"
    machine.write("proc/net/tcp6", f"{head}   0: {'0' * 32}:22B8 {'0' * 32}:0000 0A 0:0 0:0 0 20001 0 7 1\n"
                  f"   1: {'0' * 24}01000000:22B9 {'0' * 32}:0000 0A 0:0 0:0 0 20001 0 8 1\n")  # fmt: skip
    assert [(one.port, one.uid) for one in listening.on_host(machine.root)] == [(0x22B8, 20001)]


ATA = {"smart_status": {"passed": True}, "ata_smart_attributes": {"table": [{"id": 5, "raw": {"value": 0}}]}}
NVME = {"smart_status": {"passed": True}, "nvme_smart_health_information_log": {"critical_warning": 0}}


@pytest.mark.parametrize(
    ("data", "level", "words"),
    [
        (ATA, "ok", "no fault"),
        (NVME, "ok", "no fault"),
        ({}, "ok", "no fault"),
        ({"smart_status": {"passed": False}}, "critical", "/dev/sda (its self-test failed) fails"),
        ({"ata_smart_attributes": {"table": [{"id": 197, "raw": {"value": 8}}]}}, "warning", "8 sectors that wait"),
        ({"nvme_smart_health_information_log": {"critical_warning": 4}}, "critical", "critical warning 4"),
        ({"nvme_smart_health_information_log": {"percentage_used": 103}}, "warning", "103 % of its writes used"),
        ({"nvme_smart_health_information_log": {"media_errors": 2}}, "warning", "2 media errors"),
    ],
)
def test_what_a_drive_says_of_itself(data: dict[str, Any], level: str, words: str) -> None:
    found = drives.drives({"/dev/sda": data})
    assert found[0] == level and words in found[1]


def test_drives_and_pools_are_asked_where_there_are_programs(machine: Machine) -> None:
    assert not {"host-drives", "host-pools"} & set(machine.look())
    scan = {"devices": [{"name": "/dev/sda", "type": "sat"}], **ATA, "smart_status": {"passed": False}}
    machine.programs = {"smartctl": json.dumps(scan), "zpool": "tank\tONLINE\nold\tDEGRADED\n"}
    found = machine.bad()
    assert found["host-drives"][0] == found["host-pools"][0] == "critical"
    assert found["host-pools"][1].startswith("old is DEGRADED: ")
    assert any(command[0] == "smartctl" and "--nocheck=standby" in command for command in machine.commands)
