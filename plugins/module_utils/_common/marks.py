# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the processes that a command started, in a container too, by a mark in their environment, and ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

MARK = "LABSERVER_RUN"
GRACE_SECONDS = 5.0  # between "please end" and "end"


def marked(mark: str, proc: Path = Path("/proc")) -> list[int]:
    """Process ids whose environment holds ``mark``, this process excepted."""
    needle = mark.encode()
    found = []
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if needle in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def end(mark: str, grace_seconds: float = GRACE_SECONDS) -> None:
    """End every process that carries ``mark``: first politely, then for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        processes = marked(mark)
        for process in processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, number)
        deadline = time.monotonic() + grace_seconds
        while processes and time.monotonic() < deadline:
            time.sleep(0.05)
            processes = marked(mark)
        if not processes:
            return


def in_container(container: str, argv: Sequence[str], variables: Sequence[str]) -> list[str]:
    """The ``docker exec`` that runs ``argv``; variables go by name, so that no value is seen in the process list."""
    names = [word for name in (MARK, *variables) for word in ("-e", name)]
    return ["docker", "exec", *names, container, *argv]
