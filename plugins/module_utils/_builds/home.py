# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a person's file as that person: with their rights and with no right of root, whatever lies there by now."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import IO

FOLDER = ".cache/labserver-builds"
"""In the home; backups leave it out. The program of a build writes there (labhub/servers/build_program.py)."""


class HomeError(Exception):
    """The file is not there, or not what a build leaves; the text says what it is."""


@contextlib.contextmanager
def acting_as(uid: int, gid: int) -> Iterator[None]:
    """Open and remove files with the rights of this account alone. For programs with one thread, run by root."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextlib.contextmanager
def archive(home: str, identity: str, uid: int, gid: int) -> Iterator[IO[bytes]]:
    """Yield the archive of a build, open for reading. Raises HomeError, or OSError when the home does not answer.

    It is opened by the person's own rights and never as a link, so a file that its owner may not read cannot be put
    in its place. What is in the file may still change while it is read: who reads it believes nothing of it.
    """
    path = f"{home}/{FOLDER}/{identity}.tar"
    try:
        with acting_as(uid, gid):
            # Without waiting for whoever might write into a pipe of this name.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise HomeError("the archive of the build is gone") from None
    except PermissionError as error:
        raise HomeError("the archive of the build may not be read by its owner") from error
    except OSError as error:
        raise HomeError(f"the archive of the build cannot be opened ({error.strerror})") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != uid:
            raise HomeError("in the place of the build's archive lies something else")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def forget(home: str, identity: str, uid: int, gid: int) -> None:
    """Remove the archive of a build, by its owner's rights; what cannot be removed stays with them."""
    with contextlib.suppress(OSError), acting_as(uid, gid):
        os.unlink(f"{home}/{FOLDER}/{identity}.tar")  # noqa: PTH108
