# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing files: replaced in one step, made anew, tried out first. No other part of the collection writes by itself."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

COPIES_KEPT = 3


def replace(path: Path, content: bytes, mode: int = 0o644, owner: int = -1, group: int = -1) -> None:
    """Give ``path`` a new content in one step: a reader sees the old one or the new one, also after a loss of power.

    Owner and group are numeric, -1 means the caller's. Raises OSError (a full disk, say); then the old file is as it
    was, and nothing of the new one is left behind.
    """
    with replacing(path, mode, owner, group) as file:
        file.write(content)


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file, whose folder is made where it is missing; without a text the file is removed."""
    if not text:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    replace(path, text.encode(), mode)


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o644, owner: int = -1, group: int = -1) -> Iterator[IO[bytes]]:
    """Yield the file that takes the place of ``path`` when the block ends well; see :func:`replace`."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Before the content, so that nobody reads a secret in between.
            if (owner, group) != (-1, -1):
                os.fchown(file.fileno(), owner, group)
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def create(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that must not exist yet; raises FileExistsError, also for a link. For folders nobody reads yet."""
    with creating(path, mode) as file:
        file.write(content)


@contextlib.contextmanager
def creating(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Yield a new file; it is removed again when the block fails."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def creating_at(folder: int, name: str, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Yield a new file in an open folder (a descriptor); it is removed again when the block fails.

    For folders of people, whose path may be turned into a symbolic link at any moment.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise


@contextlib.contextmanager
def replacing_at(folder: int, name: str, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Yield the file that takes the place of ``name`` in an open folder when the block ends well.

    ``name`` itself is replaced, also where it is a symbolic link.
    """
    new = f".{name}.labserver-new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    with creating_at(folder, new, mode) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)


@contextlib.contextmanager
def candidate(folder: Path, content: bytes, suffix: str = "") -> Iterator[Path]:
    """Yield the path of a file that a program judges before its content is installed; it is gone afterwards."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".labserver-", suffix=suffix) as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


@contextlib.contextmanager
def scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder below ``folder`` that only its owner may enter; afterwards it is gone with its content."""
    path = Path(tempfile.mkdtemp(dir=folder, prefix=prefix))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def keep_copy(path: Path, now: datetime | None = None) -> Path:
    """Copy a file beside itself before somebody changes it, and forget all but the last copies; returns the copy.

    The name ends with the time and ``~``, as backups of editors do.
    """
    copy = path.with_name(f"{path.name}.{(now or datetime.now(UTC)).strftime('%Y%m%dT%H%M%SZ')}~")
    status = path.stat()
    replace(copy, path.read_bytes(), status.st_mode & 0o7777, status.st_uid, status.st_gid)
    forget_copies(path, ".*~")
    return copy


def forget_copies(path: Path, ending: str, keep: int = COPIES_KEPT) -> None:
    """Remove the copies of a file beside it but for the last ones; ``ending`` is a pattern for what their names add."""
    copies = sorted(path.parent.glob(glob.escape(path.name) + ending), key=lambda copy: copy.stat().st_mtime)
    for copy in copies[: max(len(copies) - keep, 0)]:
        copy.unlink()


def tell_kernel(path: Path, text: str) -> None:
    """Write to a file below /proc or /sys, where one write is one order and nothing can be replaced."""
    path.write_text(text, encoding="ascii")


def sync_folder(path: Path) -> None:
    """Make what was renamed in a folder last over a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
