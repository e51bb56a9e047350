# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much each person may store in the file system of the homes, where that file system counts it."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

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
class Mount:
    """The file system that a folder lies on."""

    point: str
    kind: str
    source: str
    number: str


def mount_of(folder: str, mountinfo: Iterable[str]) -> Mount | None:
    """Return the mount of a folder by the lines of /proc/self/mountinfo; the last one of the longest path counts."""
    best: Mount | None = None
    for line in mountinfo:
        before, _dash, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 2:
            continue
        point = fields[4].encode("latin-1", "replace").decode("unicode_escape")
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and (best is None or len(point) >= len(best.point)):
            best = Mount(point, kind[0], kind[1], fields[2])
    return best


@dataclass(frozen=True)
class Quotas:
    """The quotas of one file system; ``reason`` says why there are none."""

    device: str = ""
    reason: str = ""
    call: Call = quotactl

    def get(self, uid: int) -> int:
        """Return somebody's limit in bytes, 0 for none."""
        block = Dqblk()
        try:
            self.call(Q_GETQUOTA, self.device, uid, block)
        except OSError as error:
            if error.errno == errno.ENOENT:  # xfs: this uid owns nothing yet
                return 0
            raise
        return int(block.bhardlimit) * BLOCK

    def set(self, uid: int, limit_bytes: int) -> None:
        """Set somebody's limit in bytes, 0 for none."""
        block = Dqblk(bhardlimit=-(-limit_bytes // BLOCK), bsoftlimit=0, valid=QIF_BLIMITS)
        self.call(Q_SETQUOTA, self.device, uid, block)


def find(folder: str, call: Call = quotactl, proc: Path = Path("/proc/self/mountinfo")) -> Quotas:
    """Return the quotas of the file system that a folder lies on, or why it has none."""
    mount = mount_of(folder, proc.read_text(encoding="utf-8", errors="replace").splitlines())
    if mount is None:
        return Quotas(reason=f"{folder} lies on no known file system")
    if mount.kind not in ("ext4", "xfs"):
        return Quotas(reason=f"{folder} lies on {mount.kind} ({mount.point}); quotas are for ext4 and xfs")
    device = (
        mount.source if mount.source.startswith("/") and Path(mount.source).exists() else f"/dev/block/{mount.number}"
    )
    state = State()
    try:
        call(Q_XGETQSTAT, device, 0, state)
        call(Q_GETQUOTA, device, 0, Dqblk())
    except OSError as error:
        remedy = "mount it with usrquota"
        if mount.kind == "ext4":
            remedy = "switch them on while it is not mounted (tune2fs -O quota), then mount it with usrquota"
        return Quotas(reason=f"{mount.point} ({mount.kind}) counts nobody's files ({error.strerror}); {remedy}")
    if not state.flags & ENFORCED:  # ext4 with the feature quota counts always, but limits only with the mount option
        return Quotas(reason=f"{mount.point} ({mount.kind}) counts files but limits nobody; mount it with usrquota")
    return Quotas(device, call=call)
