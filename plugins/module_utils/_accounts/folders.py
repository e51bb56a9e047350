# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that a group shares: what one member writes, the others can edit."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .._common import folders as common
from .._common import mounts
from .model import Folder

# The kernel's form of POSIX ACLs (linux/posix_acl_xattr.h): version 2, then entries of tag, permissions and id. Written
# like this, the package acl is not needed on the host.
ATTRIBUTE = "system.posix_acl_default"
VERSION = 2
USER_OBJ, GROUP_OBJ, MASK, OTHER = 0x01, 0x04, 0x10, 0x20
NO_ID = 0xFFFFFFFF
RWX, RX = 7, 5

Entries = dict[tuple[int, int], int]  # (tag, id) -> permissions


def decode(raw: bytes) -> Entries:
    """Return the entries of an ACL attribute; raises ValueError when it has another form."""
    if len(raw) < 4 or struct.unpack_from("<I", raw)[0] != VERSION or (len(raw) - 4) % 8:
        raise ValueError("unknown form of an ACL")
    return {(tag, number): bits for tag, bits, number in struct.iter_unpack("<HHI", raw[4:])}


def encode(entries: Mapping[tuple[int, int], int]) -> bytes:
    """Return the attribute of some entries, in the order that the kernel asks for."""
    packed = (struct.pack("<HHI", tag, bits, number) for (tag, number), bits in sorted(entries.items()))
    return struct.pack("<I", VERSION) + b"".join(packed)


def wanted_acl(current: bytes | None, others: str) -> bytes:
    """Return the default ACL: all rights for owner and group whatever the umask is; named entries of old stay."""
    entries: Entries = {}
    if current:
        try:
            entries = decode(current)
        except ValueError:
            entries = {}
    entries |= {(USER_OBJ, NO_ID): RWX, (GROUP_OBJ, NO_ID): RWX, (OTHER, NO_ID): RX if others == "read" else 0}
    if any(tag not in (USER_OBJ, GROUP_OBJ, OTHER) for tag, _number in entries):
        entries[MASK, NO_ID] = RWX
    return encode(entries)


@dataclass(frozen=True)
class Seen:
    """A folder on the host; ``acl`` None: there is none, ``has_acls`` False: its file system knows none.

    ``obstacle`` says why its owner and rights must not be changed (empty: they may).
    """

    gid: int
    mode: int
    acl: bytes | None
    has_acls: bool = True
    is_folder: bool = True
    obstacle: str = ""


@dataclass(frozen=True)
class Folders:
    """Shared folders below a root folder; ``chown`` (descriptor, uid, gid) is handed in for tests."""

    root: Path
    chown: Callable[[int, int, int], None] = os.fchown
    gid_of: Callable[[os.stat_result], int] = lambda status: status.st_gid
    mounted: Callable[[], tuple[mounts.Mount, ...]] = mounts.read

    def look(self, path: str) -> Seen | None:
        """Return what a folder is like, or None when there is none and nothing is in its way."""
        place = self.root / path.lstrip("/")
        obstacle = common.obstacle(self.root, path, self.mounted())
        try:
            status = place.lstat()
        except FileNotFoundError:
            return Seen(0, 0, None, obstacle=obstacle) if obstacle else None
        if not stat.S_ISDIR(status.st_mode):
            return Seen(self.gid_of(status), stat.S_IMODE(status.st_mode), None, is_folder=False, obstacle=obstacle)
        acl, has_acls = None, True
        try:
            acl = os.getxattr(place, ATTRIBUTE, follow_symlinks=False)
        except OSError as error:
            has_acls = error.errno == errno.ENODATA
        return Seen(self.gid_of(status), stat.S_IMODE(status.st_mode), acl, has_acls, obstacle=obstacle)

    def make(self, folder: Folder, gid: int) -> None:
        """Create a folder or correct it: group, setgid, rights, default ACL where the file system has ACLs."""
        place = self.root / folder.path.lstrip("/")
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not place.exists():
            place.mkdir(mode=0o700)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self.chown(descriptor, -1, gid)
            os.fchmod(descriptor, wanted_mode(folder, stat.S_IMODE(os.fstat(descriptor).st_mode)))
            try:
                current = os.getxattr(descriptor, ATTRIBUTE)
            except OSError as error:
                if error.errno != errno.ENODATA:
                    return
                current = None
            os.setxattr(descriptor, ATTRIBUTE, wanted_acl(current, folder.others))
        finally:
            os.close(descriptor)


def wanted_mode(folder: Folder, current: int) -> int:
    """Return the permission bits of a shared folder: setgid, all for owner and group; a sticky bit of old stays."""
    return (current & stat.S_ISVTX) | stat.S_ISGID | 0o770 | (0o005 if folder.others == "read" else 0)


def differences(folder: Folder, gid: int, seen: Seen | None) -> list[str]:
    """Return in words what is not as it shall be; empty when all is."""
    if seen is None:
        return ["is created"]
    found = []
    if seen.gid != gid:
        found.append(f"group {folder.group}")
    if seen.mode != wanted_mode(folder, seen.mode):
        found.append(f"mode {wanted_mode(folder, seen.mode):04o}")
    if seen.has_acls and seen.acl != wanted_acl(seen.acl, folder.others):
        found.append("default ACL")
    return found
