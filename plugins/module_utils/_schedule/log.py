# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of a job: its own file, kept small, written by the runner alone."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import IO

FOLDER = "var/log/labserver"
ROTATE_BYTES = 1_000_000
KEEP = 4  # older logs beside the current one
RUN_BYTES = 4_000_000  # of one run; what comes after is dropped, and the log says so


def rotate(path: Path, limit_bytes: int = ROTATE_BYTES, keep: int = KEEP) -> None:
    """Move a log of ``limit_bytes`` or more aside as ``<log>.1``; the oldest of ``keep`` goes."""
    if not path.exists() or path.stat().st_size < limit_bytes:
        return
    for number in range(keep - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f"{path.name}.{number}").replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))


class JobLog:
    """Appends to a job's log; a full disk loses lines and never the run (``lost`` tells)."""

    def __init__(self, root: Path, job: str, run_bytes: int = RUN_BYTES) -> None:
        self.path = root / FOLDER / f"{job}.log"
        self.lost = ""
        self._left = run_bytes
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        try:
            # adm is the group that reads logs on Debian; others must not, since output may hold anything.
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            rotate(self.path)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            self._file = os.fdopen(descriptor, "ab", buffering=0)
        except OSError as error:
            self.lost = f"log {self.path}: {error.strerror}"

    def line(self, text: str) -> None:
        """Write one line of the runner's own."""
        self._write(text.encode() + b"\n")

    def output(self, piece: bytes) -> None:
        """Write output of the command, as long as this run has room."""
        with self._lock:
            if self._left <= 0:
                return
            self._left -= len(piece)
            self._write(piece if self._left > 0 else piece + b"\n[more output was dropped]\n")

    def _write(self, content: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(content)
        except OSError as error:
            self.lost = f"log {self.path}: {error.strerror}"

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
