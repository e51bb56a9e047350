# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may use, by the files of the kernel."""

from __future__ import annotations

import pytest
from own_lab import MEMORY_OF_BOB, QUOTA_OF_BOB, group, limits, out, until, with_server

pytestmark = pytest.mark.usefixtures("site")


def test_memory_swap_processes_and_cores_are_limited_in_the_kernel() -> None:
    with_server("alice")
    with_server("bob")
    assert limits("bob") == {
        "memory.max": str(MEMORY_OF_BOB), "memory.swap.max": "0", "pids.max": "300", "cpu.max": "200000 100000",
    }  # fmt: skip
    assert limits("alice")["cpu.max"] == "50000 100000"


def test_all_servers_are_in_one_slice_that_leaves_the_reserve() -> None:
    """Docker's driver is that of systemd here, so the group is a slice."""
    assert group("alice").parent == group("bob").parent
    parent = group("bob").parent
    assert parent.name == "labnotebooks.slice"
    total = 1024 * int(out("awk '/^MemTotal/ {print $2}' /proc/meminfo"))
    assert abs(total - (1 << 30) - int(out(f"cat {parent}/memory.max"))) < 4096 * 2
    assert int(out(f"cat {parent}/cpu.weight")) < int(out("cat /sys/fs/cgroup/system.slice/cpu.weight"))


def test_who_takes_too_much_memory_loses_the_program_and_nobody_else_anything() -> None:
    kernel = with_server("bob").kernel()
    kernel.send("x = b'x' * (2 << 30)")
    killed = f"awk '/^oom_kill / {{print $2}}' {group('bob')}/memory.events"
    until("the kernel killed it", lambda: int(out(killed)) > 0, 180)
    assert with_server("alice").kernel().run("print(6 * 7)") == "42\n"
    assert with_server("bob").kernel().run("print(6 * 7)", 180) == "42\n"


def test_the_quota_holds_for_what_is_written_in_a_notebook() -> None:
    said = with_server("bob").kernel().run(
        "import os\n"
        "written = 0\n"
        "file = os.open('big', os.O_CREAT | os.O_WRONLY | os.O_SYNC)\n"
        "try:\n"
        "    for _ in range(100):\n"
        "        written += os.write(file, bytes(1 << 20))\n"
        "    print('all')\n"
        "except OSError as error:\n"
        "    print(error.errno, written)\n"
        "os.close(file); os.remove('big')\n",
        240,
    )  # fmt: skip
    number, written = map(int, said.split())
    assert number == 122  # EDQUOT
    assert QUOTA_OF_BOB // 2 < written <= QUOTA_OF_BOB
    row = out("repquota --user /home | grep '^jupyter-bob '").split()
    assert int(row[4]) == QUOTA_OF_BOB // 1024


def test_a_reload_of_systemd_gives_nobody_swap() -> None:
    """moby issue 51446: with every update of a package systemd takes the limit away; the job hub-watch restores it."""
    out("systemctl daemon-reload")
    print("after daemon-reload:", limits("bob")["memory.swap.max"])
    until("the limit is back", lambda: limits("bob")["memory.swap.max"] == "0", 600)
    assert limits("bob")["memory.max"] == str(MEMORY_OF_BOB)
