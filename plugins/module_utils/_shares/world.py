# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as the shares see it: files, mounts, folder guards and commands, each of which ends in time.

Everything that touches the world goes through :class:`World`, with the root of the file system and the runner of
commands handed in. Nothing here looks *into* a mounted share: that may take minutes while its server is away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._common import files, mounts, process
from .fstab import decode

_GETFLAGS, _SETFLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10
_ACL = "system.posix_acl_access"
MOST_BYTES = 65536
"""Of a command's output; more is told to nobody."""


@dataclass(frozen=True)
class Done:
    """How a command ended; ``code`` is None when it ran out of time."""

    code: int | None
    output: str

    @property
    def well(self) -> bool:
        return self.code == 0


def run_command(command: Sequence[str], seconds: float) -> Done:
    """Run a command for at most ``seconds``; what cannot be killed (a process stuck in the kernel) is left behind."""
    done = process.call(command, seconds, merged=True)
    said = done.output[:MOST_BYTES].decode(errors="replace").strip()
    return Done(None if done.timed_out else done.status, said or ("" if done.timed_out else done.reason))


@dataclass(frozen=True)
class Folder:
    """A folder: permission bits, owning group, groups that an ACL lets in besides, and whether it is immutable."""

    mode: int
    gid: int
    acl: tuple[int, ...]
    immutable: bool


def acl_value(mode: int, gids: Sequence[int]) -> bytes:
    """Encode a POSIX ACL (acl(5)): the bits of ``mode``, and r-x for each of the groups."""
    read = 5
    entries = [(0x01, mode >> 6 & 7, -1), (0x04, mode >> 3 & 7, -1)]
    entries += [(0x08, read, gid) for gid in sorted(gids)]
    entries += [(0x10, read | mode >> 3 & 7, -1), (0x20, mode & 7, -1)]
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, bits, gid & 0xFFFFFFFF) for tag, bits, gid in entries
    )


def acl_groups(value: bytes) -> tuple[int, ...]:
    """Return the groups that an encoded ACL lets read."""
    entries = [struct.unpack_from("<HHI", value, at) for at in range(4, len(value) - 7, 8)]
    return tuple(sorted(gid for tag, bits, gid in entries if tag == 0x08 and bits & 5 == 5))


class ApplyError(Exception):
    """A step failed and the rest was not tried; the message says which one and what to do."""


class World:
    """The host below ``root``; ``run`` runs commands and is the only way to the mounts."""

    def __init__(self, root: str = "/", run: Callable[[Sequence[str], float], Done] = run_command) -> None:
        self.root = root
        self.run = run

    def at(self, path: str) -> Path:
        return Path(self.root, path.lstrip("/")) if self.root != "/" else Path(path)

    # --- files ---

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, or None when there is none."""
        try:
            return self.at(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def mode(self, path: str) -> int | None:
        """Return the permission bits of a file, or None when there is none."""
        try:
            return stat.S_IMODE(self.at(path).lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str, content: bytes, mode: int, folder_mode: int = 0o755) -> None:
        """Replace a file in one step; a reader sees the old file or the new one, also after a power cut."""
        target = self.at(path)
        missing = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=folder_mode if folder == target.parent else 0o755)
        files.replace(target, content, mode)

    def forget_copies(self, path: str, ending: str) -> None:
        """Keep the last copies of a file and remove the older ones."""
        files.forget_copies(self.at(path), ending)

    def remove(self, path: str) -> None:
        self.at(path).unlink(missing_ok=True)

    # --- mounts ---

    def mounts(self) -> tuple[mounts.Mount, ...]:
        return mounts.parse(decode(self.read("/proc/self/mountinfo") or b""))

    def systemd(self) -> bool:
        """Whether systemd runs this host."""
        return self.at("/run/systemd/system").is_dir()

    def automounts(self) -> bool:
        """Whether this host can have automounts; a container cannot, and its shares are mounted outright."""
        return self.systemd() and self.at("/dev/autofs").exists()

    # --- folders and their guard ---

    def folder(self, path: str) -> Folder | None:
        """Look at a folder that is not covered by a mount; None when there is none."""
        try:
            seen = self.at(path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            acl = acl_groups(os.getxattr(self.at(path), _ACL))
        except OSError:
            acl = ()
        return Folder(stat.S_IMODE(seen.st_mode), seen.st_gid, acl, self._flags(path) & _IMMUTABLE != 0)

    def make_folder(self, path: str, wanted: Folder) -> str:
        """Make or correct a folder; returns a warning when its file system knows no ACL or no immutable folders."""
        target, warning = self.at(path), ""
        if self._flags(path) & _IMMUTABLE:
            self.set_immutable(path, False)
        above = target.parent
        lifted = not target.exists() and above.exists() and self._flags_of(above) & _IMMUTABLE != 0
        if lifted:
            self._set_flags_of(above, False)
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        if lifted:
            self._set_flags_of(above, True)
        os.chown(target, 0 if os.geteuid() == 0 else -1, wanted.gid if os.geteuid() == 0 else -1)
        with contextlib.suppress(OSError):
            os.removexattr(target, _ACL)
        target.chmod(wanted.mode)
        if wanted.acl:
            try:
                os.setxattr(target, _ACL, acl_value(wanted.mode, wanted.acl))
            except OSError as error:
                target.chmod(0o755)
                warning = f"{path}: its file system knows no ACLs ({error.strerror}); everybody on the host may look in"
        if wanted.immutable and not self.set_immutable(path, True):
            warning = (
                f"{path}: its file system cannot make it immutable; root could write into it while nothing is mounted"
            )
        return warning

    def set_immutable(self, path: str, immutable: bool) -> bool:
        """Set or lift what ``chattr +i`` sets; returns whether that was possible."""
        return self._set_flags_of(self.at(path), immutable)

    def _flags(self, path: str) -> int:
        return self._flags_of(self.at(path))

    @staticmethod
    def _flags_of(path: Path) -> int:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return 0
        try:
            return int(struct.unpack("l", fcntl.ioctl(descriptor, _GETFLAGS, struct.pack("l", 0)))[0])
        except OSError:
            return 0
        finally:
            os.close(descriptor)

    @classmethod
    def _set_flags_of(cls, path: Path, immutable: bool) -> bool:
        flags = cls._flags_of(path)
        wanted = flags | _IMMUTABLE if immutable else flags & ~_IMMUTABLE
        if wanted == flags:
            return True
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.ioctl(descriptor, _SETFLAGS, struct.pack("l", wanted))
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True
