# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long faults of the shares, for `make soak-shares`, on the machines of the scenario."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from lab_guest.server import ROOT, LabServer
from machines import guest as machine
from machines import nas, network
from machines.process import wait_for

FILES = f"{ROOT}/analysis/files"


@pytest.fixture(scope="module")
def lab(guest: LabServer) -> Iterator[LabServer]:
    """The lab server with its shares mounted and alice's notebook running."""
    guest.role()
    guest.start_notebook("alice", ["data", "analysis"])
    assert guest.notebook("alice", f"echo well > {FILES}/well && cat {FILES}/well").stdout == "well\n"
    return guest


def heals(lab: LabServer, seconds: float = 120) -> None:
    wait_for(lambda: lab.notebook("alice", f"cat {FILES}/well").stdout == "well\n", seconds, "alice's file")


def test_a_pulled_cable_is_noticed_in_time_and_heals(lab: LabServer) -> None:
    """A silent loss: with the kernel's default echo interval the first access hangs for 192 s."""
    network.cable(False)
    try:
        begin = time.monotonic()
        assert lab.notebook("alice", f"cat {FILES}/well > /dev/null; test -s {FILES}/well", timeout=150).returncode != 0
        first = time.monotonic() - begin
        begin = time.monotonic()
        assert lab.run("labserver share-health", timeout=200).returncode == 2
        health = time.monotonic() - begin
        begin = time.monotonic()
        assert "changed=0" in lab.role()
        role = time.monotonic() - begin
        print(f"first access {first:.0f} s, health {health:.0f} s, role {role:.0f} s")
        assert first < 100 and health < 100 and role < 150
    finally:
        network.cable(True)
    heals(lab)


def test_ten_outages_lose_nothing_and_write_nothing_elsewhere(lab: LabServer) -> None:
    writer = f"i=0; while :; do i=$((i+1)); echo line $i end >> {FILES}/log || sleep 1; done"
    lab.run(f"docker exec --detach --user 20001:20001 jupyter-alice sh -c '{writer}'", check=True)
    log = nas.SHARES / "analysis/log"
    for _outage in range(10):
        wait_for(log.exists, 60, "the writer")
        lab.nas_stop()
        time.sleep(3)
        nas.start()
        heals(lab)
    lab.run("docker restart --time 1 jupyter-alice")
    lines = log.read_text().splitlines()
    assert len(lines) > 10 and all(line.startswith("line ") and line.endswith(" end") for line in lines)
    unit = lab.out(f"systemd-escape --path {FILES}")
    lab.run(f"systemctl stop {unit}.automount {unit}.mount")
    assert lab.out(f"ls -A {FILES}") == "", "nothing was written beneath the mount"
    lab.out(f"systemctl start {unit}.automount")
    heals(lab)


def test_power_cuts_while_writing(lab: LabServer) -> None:
    for _cut in range(3):
        lab.run(f"docker exec --detach jupyter-alice sh -c 'while :; do date >> {FILES}/log2; done'")
        time.sleep(2)
        machine.stop()
        machine.start()
        lab.out("systemctl start docker; docker start jupyter-alice", timeout=240)
        heals(lab)
    assert lab.run("findmnt --verify").stdout.count("[E]") == 0
    assert "changed=0" in lab.role()
