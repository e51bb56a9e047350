# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much each person may store in the file system of the homes, where that file system counts it."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .._common import mounts

# linux/quota.h. The generic commands serve ext4 and, in today's kernels, xfs too; so no package quota is needed.
Q_GETQUOTA, Q_SETQUOTA, Q_XGETQSTAT = 0x800007, 0x800008, 0x5805
USRQUOTA = 0
QIF_BLIMITS = 1
ENFORCED = 2  # FS_QUOTA_UDQ_ENFD of linux/dqblk_xfs.h
BLOCK = 1024  # bytes of one unit of the limits


class Dqblk(ctypes.Structure):
    """``struct if_dqblk``: limits in blocks of 1 KiB, usage in bytes."""

    _fields_ = (
        ("bhardlimit", ctypes.c_uint64),
        ("bsoftlimit", ctypes.c_uint64),
        ("curspace", ctypes.c_uint64),
        ("ihardlimit", ctypes.c_uint64),
        ("isoftlimit", ctypes.c_uint64),
        ("curinodes", ctypes.c_uint64),
        ("btime", ctypes.c_uint64),
        ("itime", ctypes.c_uint64),
        ("valid", ctypes.c_uint32),
    )


class State(ctypes.Structure):
    """The beginning of ``struct fs_quota_stat``, and room for the rest of it."""

    _fields_ = (("version", ctypes.c_int8), ("flags", ctypes.c_uint16), ("rest", ctypes.c_uint8 * 252))


Call = Callable[
    [int, str, int, ctypes.Structure], None
]  # (command, device, uid, what is read or written); raises OSError


def quotactl(command: int, device: str, uid: int, block: ctypes.Structure) -> None:
    """The system call of this name; raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.quotactl((command << 8) | USRQUOTA, os.fsencode(device), uid, ctypes.byref(block)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), device)


@dataclass(frozen=True)
class Quotas:
    """The quotas of one file system; ``reason`` says why there are none."""

    device: str = ""
    reason: str = ""
    call: Call = quotactl

    def get(self, uid: int) -> int:
        """Return somebody's limit in bytes, 0 for none."""
        return self.usage(uid)[1]

    def usage(self, uid: int) -> tuple[int, int]:
        """Return how many bytes somebody uses, and the limit (0 for none)."""
        block = Dqblk()
        try:
            self.call(Q_GETQUOTA, self.device, uid, block)
        except OSError as error:
            if error.errno == errno.ENOENT:  # xfs: this uid owns nothing yet
                return 0, 0
            raise
        return int(block.curspace), int(block.bhardlimit) * BLOCK

    def set(self, uid: int, limit_bytes: int) -> None:
        """Set somebody's limit in bytes, 0 for none."""
        block = Dqblk(bhardlimit=-(-limit_bytes // BLOCK), bsoftlimit=0, valid=QIF_BLIMITS)
        self.call(Q_SETQUOTA, self.device, uid, block)


# The option is kept in the file system and not in fstab: named there, quotaon switches on again at boot what the mount
# has switched on, and fails with "File exists". (Tried on Linux 6.1: limits hold either way.)
TUNE = "tune2fs -O quota -E mount_opts=usrquota"
# Debian's initramfs mounts / but has no quota_v2: with quotas on / the next boot ends there. (Tried: this line helps.)
INITRAMFS = (
    "make the initramfs able to mount it first (quota_v2 as a line of /etc/initramfs-tools/modules, then"
    " update-initramfs -u)"
)


def find(folder: str, call: Call = quotactl, mountinfo: Path = mounts.MOUNTINFO) -> Quotas:
    """Return the quotas of the file system that a folder lies on, or why it has none."""
    mount = mounts.holding(folder, mounts.read(mountinfo))
    if mount is None:
        return Quotas(reason=f"{folder} lies on no known file system")
    if mount.fstype not in ("ext4", "xfs"):
        return Quotas(reason=f"{folder} lies on {mount.fstype} ({mount.target}); quotas are for ext4 and xfs")
    device = (
        mount.source if mount.source.startswith("/") and Path(mount.source).exists() else f"/dev/block/{mount.device}"
    )
    state = State()
    try:
        call(Q_XGETQSTAT, device, 0, state)
        call(Q_GETQUOTA, device, 0, Dqblk())
    except OSError as error:
        remedy = "mount it with usrquota"
        if mount.fstype == "ext4" and mount.target == "/":
            remedy = (
                f"give the homes a file system of their own, or {INITRAMFS}, then switch them on from a rescue system"
                f" ({TUNE})"
            )
        elif mount.fstype == "ext4":
            remedy = f"switch them on while it is not mounted ({TUNE} {device}), then mount it again"
        return Quotas(reason=f"{mount.target} ({mount.fstype}) counts nobody's files ({error.strerror}); {remedy}")
    if not state.flags & ENFORCED:  # ext4 with the feature quota counts always, but limits only with the mount option
        remedy = "mount it with usrquota"
        if mount.fstype == "ext4":
            remedy = f"tune2fs -E mount_opts=usrquota {device}, then mount it again"
        if mount.fstype == "ext4" and mount.target == "/":
            remedy = f"{INITRAMFS}, then tune2fs -E mount_opts=usrquota {device}, then start the host anew"
        return Quotas(reason=f"{mount.target} ({mount.fstype}) counts files but limits nobody; {remedy}")
    return Quotas(device, call=call)
