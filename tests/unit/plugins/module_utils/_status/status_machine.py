# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which all is well, for the tests of the watch over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ansible_collections.labserver.jupyter.plugins.module_utils._common.process import Result
from ansible_collections.labserver.jupyter.plugins.module_utils._status import host

NOW = 1_795_000_000.0
GIB = 1 << 30
# Lines as the kernel 6.1 and mdadm write them.
MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
30 22 8:17 / /home rw,relatime shared:2 - xfs /dev/sdb1 {home}
31 22 0:40 / /srv/labserver/shares/data rw shared:3 - cifs //nas/data ro
"""
KMSG = b"""\
6,1,1000000,-;EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.
 SUBSYSTEM=block
12,7,1500000,-;I/O error, dev sda, written by a program
6,2,2000000,-;Memory cgroup out of memory: Killed process 812 (python3) total-vm:1kB
"""
MDSTAT = """\
Personalities : [raid1]
md0 : active raid1 sdb1[1] sda1[0]
      976630464 blocks super 1.2 [2/{count}] [{state}]

unused devices: <none>
"""


class Machine:
    """A host on which all is well, until something is changed."""

    def __init__(self, root: Path) -> None:
        self.root, self.now, self.used, self.kmsg = root, NOW, 20 * GIB, KMSG
        self.failed, self.synchronized = "", "yes\n"
        self.programs: dict[str, str] = {}
        self.commands: list[tuple[str, ...]] = []
        self.containers: list[dict[str, Any]] = []
        self.write("proc/uptime", "864000.0 1.0\n")
        self.write("proc/self/mountinfo", MOUNTINFO.format(home="rw"))
        self.write("etc/fstab", "/dev/sda1 / ext4 errors=remount-ro 0 1\n# /dev/sdb1 /home xfs ro 0 0\n")
        self.write("proc/pressure/memory", "some avg10=0.00 avg300=60.00\nfull avg10=90.0 avg300=1.20 total=1\n")
        self.write("proc/mdstat", MDSTAT.format(count=2, state="UU"))
        (root / "var/lib/labserver").mkdir(parents=True)

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def world(self) -> host.World:
        return host.World(
            self.root,
            lambda: self.now,
            self.capture,
            cast(Any, self.statvfs),
            lambda: self.kmsg,
            lambda: self.containers,
        )

    def capture(self, command: Sequence[str], _limit: float) -> tuple[Result, str]:
        self.commands.append(tuple(command))
        said = {"systemctl": self.failed, "timedatectl": self.synchronized, **self.programs}
        return (Result(0), said[command[0]]) if command[0] in said else (Result(127), "")

    def statvfs(self, _path: str) -> Any:
        total = 100 * GIB
        return SimpleNamespace(f_frsize=1, f_blocks=total, f_bfree=total - self.used, f_bavail=total - self.used)

    def look(self) -> dict[str, tuple[str, str]]:
        return {one.service.name: (one.level, one.message) for one in host.look(self.world())}

    def bad(self) -> dict[str, tuple[str, str]]:
        return {name: found for name, found in self.look().items() if found[0] != "ok"}
