# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a file so that it holds all that was to be written, or else what it held before.

Jupyter's own way (jupyter_server.services.contents.fileio.atomic_writing, 2.21.1) copies a file, writes over it and
copies back when that fails; but what its buffers hold is written only when the file is closed, and on a full disk
closing fails before the copy is put back: the file stays cut off.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error says that the disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in FULL


def words(error: OSError, name: str, what: str = "was not saved; what was saved before is still there") -> str:
    """Return what a person reads when ``name`` could not be written."""
    full = "Your disk quota is full" if error.errno == errno.EDQUOT else "The disk is full"
    return (
        f"{full}: {name} {what}. Delete files that you do not need, or ask the administrator for more space, and save"
        " again."
    )


def spare_of(path: Path) -> Path:
    """Return where the former content is kept meanwhile; Jupyter looks there for the content of a damaged notebook."""
    return path.with_name(f".~{path.name}")


def write(path: Path, data: bytes) -> None:
    """Make ``data`` the content of a file; after an OSError the file is as it was.

    A person's own file is replaced by a new one with the same rights. Where owner or group could not be kept so, or
    the file has several names, it is written in place.
    """
    path = path.resolve()
    try:
        former = path.stat()
    except FileNotFoundError:
        _replace(path, data, None)
        return
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    mine = former.st_uid == os.geteuid() and former.st_nlink == 1 and os.access(path.parent, os.W_OK)
    if not mine or not _replace(path, data, former):
        _in_place(path, data)


def _put(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _replace(path: Path, data: bytes, former: os.stat_result | None) -> bool:
    """Write a new file and give it the name; returns False when it cannot have the group of the former one."""
    spare = spare_of(path)
    spare.unlink(missing_ok=True)
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if former is None else 0o600)
    try:
        try:
            _put(descriptor, data)
            if former is not None:
                if os.fstat(descriptor).st_gid != former.st_gid:
                    os.fchown(descriptor, -1, former.st_gid)
                shutil.copystat(path, spare)  # access lists, which are extended attributes, too
                os.utime(descriptor)
        finally:
            os.close(descriptor)
        spare.replace(path)
    except PermissionError:
        spare.unlink(missing_ok=True)
        return False
    except OSError:
        spare.unlink(missing_ok=True)
        raise
    return True


def _in_place(path: Path, data: bytes) -> None:
    """Write over a file, with a copy of what it held beside it where there can be one."""
    former, spare = path.read_bytes(), spare_of(path)
    kept = not spare.exists() and os.access(path.parent, os.W_OK)
    if kept:
        try:
            spare.write_bytes(former)
        except OSError:
            spare.unlink(missing_ok=True)
            raise
    with path.open("r+b", buffering=0) as file:
        try:
            file.truncate(0)
            _put(file.fileno(), data)
        except OSError:
            file.seek(0)
            file.truncate(0)
            _put(file.fileno(), former)  # what fitted before fits again; if not, the copy stays
            if kept:
                spare.unlink()
            raise
    if kept:
        spare.unlink()
