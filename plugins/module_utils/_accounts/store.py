# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing the account files below a root folder, with the locks that useradd, vipw and passwd take too."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .tables import FIELDS

LOCKED_FILES = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")  # in the order in which useradd takes them
NEEDED = ("passwd", "shadow", "group")


class StoreError(Exception):
    """The account files cannot be read, locked or written; the text says why."""


def read_tables(root: Path) -> dict[str, bytes]:
    """Return the contents of the account files that exist, by name without /etc/; raises StoreError."""
    files: dict[str, bytes] = {}
    for name in FIELDS:
        path = root / "etc" / name
        try:
            files[name] = path.read_bytes()
        except FileNotFoundError:
            if name in NEEDED:
                raise StoreError(f"{path} does not exist; the accounts of this host are not kept in files") from None
        if files.get(name, b"\n")[-1:] not in (b"\n", b""):
            files[name] += b"\n"
    return files


def replace_file(path: Path, content: bytes, mode: int | None = None, sync: bool = True) -> None:
    """Replace a file atomically. Owner and mode are kept; a new file gets ``mode`` and the caller's ids."""
    # The shadow suite's own name for it, so that its tools clean up after a run that died.
    temporary = path.with_name(f"{path.name}+")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        with contextlib.suppress(FileNotFoundError):
            old = path.stat()
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(stream.fileno(), old.st_uid, old.st_gid)
            mode = old.st_mode & 0o7777 if mode is None else mode
        os.fchmod(stream.fileno(), 0o600 if mode is None else mode)
        if sync:
            os.fsync(stream.fileno())
    temporary.replace(path)


def sync_folder(path: Path) -> None:
    """Make renames in a folder last over a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_tables(root: Path, changed: Mapping[str, bytes], before: Mapping[str, bytes]) -> None:
    """Write changed account files in the given order, each atomically, keeping the old one as ``passwd-`` and so on."""
    folder = root / "etc"
    for name, content in changed.items():
        path, backup = folder / name, folder / f"{name}-"
        status = path.stat()
        replace_file(backup, before[name], status.st_mode & 0o7777, sync=False)
        with contextlib.suppress(PermissionError):
            os.chown(backup, status.st_uid, status.st_gid)
        replace_file(path, content)
    if changed:
        sync_folder(folder)


@contextlib.contextmanager
def one_at_a_time(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold a lock file of our own for a whole run; raises StoreError when another run has it for too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + timeout_seconds
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise StoreError("another run changes the accounts of this host; run again later") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def locked(
    root: Path,
    timeout_seconds: float = 60,
    alive: Callable[[int], bool] = _alive,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold all locks of the account files; raises StoreError when another program keeps one for too long.

    Two protocols are in use on Debian and both are followed: a POSIX lock on /etc/.pwd.lock (lckpwdf, also taken by
    systemd-sysusers), and the lock files of the shadow suite (/etc/passwd.lock, a hard link of a file that holds the
    owner's process id; one whose owner died is taken over).
    """
    until = clock() + timeout_seconds
    folder = root / "etc"
    taken: list[Path] = []
    descriptor = os.open(folder / ".pwd.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if clock() >= until:
                    raise StoreError(
                        f"another program has held {folder}/.pwd.lock for {timeout_seconds:.0f} s; run again later"
                    ) from None
                sleep(0.05)
        for name in LOCKED_FILES:
            if (folder / name).exists():
                _lock_file(folder, name, lambda: clock() >= until, alive, sleep)
                taken.append(folder / f"{name}.lock")
        yield
    finally:
        for path in reversed(taken):
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock_file(
    folder: Path, name: str, expired: Callable[[], bool], alive: Callable[[int], bool], sleep: Callable[[float], None]
) -> None:
    lock, own = folder / f"{name}.lock", folder / f"{name}.{os.getpid()}"
    own.unlink(missing_ok=True)
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(f"{os.getpid()}\0".encode())
    try:
        while True:
            try:
                os.link(own, lock)
                return
            except FileExistsError:
                pass
            try:
                owner = int(lock.read_bytes().split(b"\0")[0].strip() or b"0")
            except FileNotFoundError:
                continue
            except ValueError:
                owner = 0
            if owner and not alive(owner):
                lock.unlink(missing_ok=True)
                continue
            if expired():
                raise StoreError(
                    f"process {owner} holds {lock}; run again later, or remove that file when it is no account program"
                )
            sleep(0.05)
    finally:
        own.unlink(missing_ok=True)
