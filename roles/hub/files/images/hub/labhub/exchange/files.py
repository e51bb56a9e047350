# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes files, alone in labhub. A reader sees the old content or the new one, also after a crash."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".new"
LEFT_OVER_SECONDS = 3600
"""A temporary file this old belongs to a process that was killed."""


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    for old in folder.glob(f".*{SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > LEFT_OVER_SECONDS:
                old.unlink()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of an empty file (mode 0600) beside ``path`` that takes its place at the end.

    After an exception ``path`` is what it was. Raises OSError.
    """
    _sweep(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=SUFFIX, dir=path.parent)
    os.close(handle)
    new = Path(name)
    try:
        yield new
        _sync(new)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Replace the content of a file. Raises OSError."""
    with replacing(path) as new:
        new.write_bytes(content)
