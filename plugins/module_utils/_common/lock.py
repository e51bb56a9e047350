# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks of the host, in a folder that is root's alone: whoever can open a lock's file can hold it for ever."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FOLDER = "run/labserver"
"""Below the root of the file system, 0700; /run/lock is open to everybody."""
PAUSE_SECONDS = 0.02


class BusyError(Exception):
    """Another run holds the lock."""


@contextlib.contextmanager
def hold(
    root: Path, name: str, wait_seconds: float = 0.0, sleep: Callable[[float], None] = time.sleep
) -> Iterator[int]:
    """Hold the lock ``name`` of this host and yield its descriptor, which a command may inherit.

    A command that inherits it keeps the lock when this process alone is killed. Raises BusyError when another process
    has it for longer than ``wait_seconds``, OSError when the folder of the locks is not root's alone.
    """
    with opened(folder(root / FOLDER) / f"{name}.lock") as descriptor:
        if not acquire(descriptor, wait_seconds, sleep):
            raise BusyError(f"another run holds /{FOLDER}/{name}.lock")
        yield descriptor


def held(root: Path, name: str) -> bool:
    """Tell whether a process holds the lock now. Touches nothing."""
    try:
        descriptor = os.open(root / FOLDER / f"{name}.lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def recorded(path: Path) -> bool:
    """Tell whether a process holds a record lock of the file (fcntl(2)), as apt and dpkg do. Touches nothing."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def opened(path: Path, mode: int = 0o600) -> Iterator[int]:
    """Yield the descriptor of a lock's file that lies elsewhere, such as beside what it guards; made when missing."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def acquire(descriptor: int, wait_seconds: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Take the lock of an open file; returns False when another process has it for longer than ``wait_seconds``."""
    end = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            sleep(PAUSE_SECONDS)
        else:
            return True


def folder(path: Path) -> Path:
    """Make the folder of the locks, or see that it is root's alone; returns it, raises OSError when it is not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise OSError(f"/{FOLDER} is not a folder of root; remove it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)
    return path
