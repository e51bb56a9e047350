# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Walk through a folder of somebody who may have made it as deep and odd as they like: no recursion, no long paths.

Every step goes through the descriptor of one folder, so neither the depth (Python's recursion, tar's stack) nor the
length of a path (PATH_MAX) is a limit, and no symbolic link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LONGEST_PATH = 256 * 1024
"""Bytes. What is nested deeper is no work of people, and each level costs time in proportion to its depth."""


class TreeError(OSError):
    """The folder changed while it was walked through, or is nested without end."""


@dataclass(frozen=True)
class Entry:
    """One thing in the folder. ``folder`` is the descriptor of what it lies in, open until the next step.

    ``path`` is relative to the root of the walk, for people and archives; effects use ``folder`` and ``name``.
    ``foreign`` says that a folder is on another file system: something is mounted there, and the walk stays out.
    """

    folder: int
    name: str
    path: str
    status: os.stat_result
    foreign: bool = False

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def place(self) -> str:
        """A short path for calls that take no descriptor, good until the next step."""
        return f"/proc/self/fd/{self.folder}/{self.name}"


@dataclass
class _Level:
    name: str
    identity: tuple[int, int]
    pending: list[str]  # in reverse order
    status: os.stat_result
    length: int  # bytes of the path


def walk(root: Path) -> Iterator[Entry]:
    """Yield everything below a folder: each folder before what is in it, names in order. Raises OSError."""
    return (entry for entry, after in steps(root) if not after)


def steps(root: Path) -> Iterator[tuple[Entry, bool]]:
    """Yield everything below a folder; folders twice, before (False) and after (True) what is in them; OSError."""
    folder = os.open(root, FLAGS)
    try:
        levels = [_level(folder, "", 0)]
        device = levels[0].identity[0]
        above = ""  # the path of the present folder, with a slash at its end
        while levels:
            level = levels[-1]
            if level.pending:
                name = level.pending.pop()
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                foreign = stat.S_ISDIR(status.st_mode) and status.st_dev != device
                yield Entry(folder, name, above + name, status, foreign), False
                if not stat.S_ISDIR(status.st_mode) or foreign:
                    continue
                inside = os.open(name, FLAGS, dir_fd=folder)
                os.close(folder)
                folder = inside
                levels.append(_level(folder, name, level.length))
                above = f"{above}{name}/"
                if levels[-1].identity != (status.st_dev, status.st_ino):
                    raise TreeError(f"{above[:200]} changed while it was read")
                continue
            levels.pop()
            if not levels:
                return
            parent = os.open("..", FLAGS, dir_fd=folder)
            os.close(folder)
            folder = parent
            above = above[: len(above) - len(level.name) - 1]
            status = os.fstat(folder)
            if (status.st_dev, status.st_ino) != levels[-1].identity:
                raise TreeError(f"{above[:200]}{level.name} was moved while it was read")
            yield Entry(folder, level.name, above + level.name, level.status), True
    finally:
        os.close(folder)


def remove(root: Path) -> None:
    """Delete a folder with all that is in it; raises OSError, also when something is mounted in it.

    Nothing is deleted then. A Btrfs subvolume counts as another file system, though no table of mounts names it.
    """
    for entry in walk(root):
        if entry.foreign:
            raise TreeError(
                f"{root}/{entry.path[:200]} is on another file system; unmount it (or delete the Btrfs subvolume) first"
            )
    for entry, after in steps(root):
        if entry.foreign:
            raise TreeError(f"{root}/{entry.path[:200]} was mounted meanwhile; unmount it first")
        if not entry.is_folder:
            os.unlink(entry.name, dir_fd=entry.folder)
        elif after:
            os.rmdir(entry.name, dir_fd=entry.folder)
    root.rmdir()


def _level(folder: int, name: str, above: int) -> _Level:
    status = os.fstat(folder)
    length = above + len(os.fsencode(name)) + 1
    if length > LONGEST_PATH:
        raise TreeError(f"it is nested deeper than a path of {LONGEST_PATH} bytes, beginning with {name[:50]}")
    names = sorted((os.fsdecode(one) for one in os.listdir(folder)), reverse=True)
    return _Level(name, (status.st_dev, status.st_ino), names, status, length)
