# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing the account files below a root folder, with the locks that useradd, vipw and passwd take too."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .._common import files
from .tables import FIELDS

LOCKED_FILES = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")  # in the order in which useradd takes them
NEEDED = ("passwd", "shadow", "group")


class StoreError(Exception):
    """The account files cannot be read, locked or written; the text says why."""


def read_tables(root: Path) -> dict[str, bytes]:
    """Return the contents of the account files that exist, by name without /etc/; raises StoreError."""
    found: dict[str, bytes] = {}
    for name in FIELDS:
        path = root / "etc" / name
        try:
            found[name] = path.read_bytes()
        except FileNotFoundError:
            if name in NEEDED:
                raise StoreError(f"{path} does not exist; the accounts of this host are not kept in files") from None
        if found.get(name, b"\n")[-1:] not in (b"\n", b""):
            found[name] += b"\n"
    return found


def write_tables(root: Path, changed: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Write changed account files (name -> before, after) in the given order, each in one step.

    The old content is kept as ``passwd-`` and so on, as the shadow suite does. Owner and mode stay.
    """
    folder = root / "etc"
    for name, (before, after) in changed.items():
        path = folder / name
        status = path.stat()
        kept = {"mode": stat.S_IMODE(status.st_mode), "owner": status.st_uid, "group": status.st_gid}
        files.replace(folder / f"{name}-", before, **kept)
        files.replace(path, after, **kept)


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
    files.create(own, f"{os.getpid()}\0".encode())
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
                    f"process {owner} holds {lock}; run again later, or remove that file when that process does not "
                    "change accounts"
                )
            sleep(0.05)
    finally:
        own.unlink(missing_ok=True)
