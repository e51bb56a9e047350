# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas: which file system, what is set, and what is said where there are none."""

from __future__ import annotations

import ctypes
import errno
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import quota
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import FakeHost, acts

# Recorded on Debian 12, with a second line for /home added by a later mount over it.


class Kernel:
    """A file system that counts: limits by uid, in blocks of 1 KiB."""

    def __init__(self, error: int = 0, flags: int = 3) -> None:
        self.limits: dict[int, int] = {}
        self.flags = flags
        self.error = error
        self.devices: set[str] = set()

    def __call__(self, command: int, device: str, uid: int, block: ctypes.Structure) -> None:
        self.devices.add(device)
        if self.error:
            raise OSError(self.error, "No such process")
        if isinstance(block, quota.State):
            block.flags = self.flags
            return
        assert isinstance(block, quota.Dqblk)
        if command == quota.Q_SETQUOTA:
            assert block.valid == quota.QIF_BLIMITS
            self.limits[uid] = block.bhardlimit
        elif uid in self.limits or uid == 0:
            block.bhardlimit = self.limits.get(uid, 0)
        else:
            raise OSError(errno.ENOENT, "No such file or directory")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("28 1 0:50 / / rw - overlay overlay rw", "/home lies on overlay (/); quotas are for ext4 and xfs"),
        ("28 1 254:1 / /home rw - ext4 /dev/vda1 rw", "counts nobody's files (No such process); switch them on"),
        (
            "28 1 254:1 / / rw - ext4 /dev/vda1 rw",
            "or make the initramfs able to mount it first (quota_v2 as a line of",
        ),
        ("28 1 254:1 / / rw - xfs /dev/vda1 rw", "counts nobody's files (No such process); mount it with usrquota"),
        ("", "lies on no known file system"),
    ],
)
def test_why_there_are_none(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "mountinfo").write_text(f"{line}\n")
    assert told in quota.find("/home", Kernel(errno.ESRCH), tmp_path / "mountinfo").reason


@pytest.mark.parametrize(
    ("flags", "told"), [(3, ""), (1, "limits nobody; tune2fs -E mount_opts=usrquota /dev/null, then")]
)
def test_counting_is_not_limiting(tmp_path: Path, flags: int, told: str) -> None:
    """Seen with ext4: with its feature ``quota`` limits can be set, but without usrquota they stop nobody."""
    (tmp_path / "mountinfo").write_text("28 1 254:1 / /home rw - ext4 /dev/null rw\n")
    found = quota.find("/home", Kernel(flags=flags), tmp_path / "mountinfo")
    assert told in found.reason
    assert found.device == ("" if told else "/dev/null")


def test_the_root_file_system_has_to_boot_afterwards(tmp_path: Path) -> None:
    """Seen twice: quotas switched on for / without quota_v2 in the initramfs, and the next boot ended there."""
    (tmp_path / "mountinfo").write_text("28 1 254:1 / / rw - ext4 /dev/null rw\n")
    reason = quota.find("/home", Kernel(flags=1), tmp_path / "mountinfo").reason
    assert reason.index("update-initramfs -u") < reason.index("tune2fs -E mount_opts=usrquota")


def test_limits_are_set_once_and_corrected(tmp_path: Path) -> None:
    kernel = Kernel()
    host = FakeHost(tmp_path, quotas=quota.Quotas("/dev/x", call=kernel))
    people = [{"name": "mira"}, {"name": "jonas", "quota": "1G"}, {"name": "nadia", "quota": 0}]
    assert ("set quota", "jupyter-mira") in acts(host.run(users=people, quota="20G"))
    assert kernel.limits == {20001: 20 * 1024**2, 20000: 1024**2}
    assert host.run(users=people, quota="20G").changed is False
    kernel.limits[20002] = 5
    assert acts(host.run(users=people, quota="20G")) == [("set quota", "jupyter-nadia")]
    assert kernel.limits[20002] == 0
    assert host.run(users=[{"name": name} for name in ("mira", "jonas", "nadia")]).changed is False


def test_where_there_are_none_it_is_said_and_all_else_done(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, quotas=quota.Quotas(reason="/home lies on overlay"))
    result = host.run(users=[{"name": "mira", "quota": "1G"}])
    assert result.plan.notices == ("no quotas: /home lies on overlay",)
    assert host.line("passwd", "jupyter-mira") is not None
    assert host.run(users=[{"name": "mira"}]).plan.notices == ()
