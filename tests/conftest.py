# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for all tests: commands that they read print no colours, and no process stays behind.

`make` forces colours on for those who watch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

for forced in ("ANSIBLE_FORCE_COLOR", "FORCE_COLOR", "PY_COLORS"):
    os.environ.pop(forced, None)


def working_below(folder: Path) -> dict[int, str]:
    """Return the command lines of the processes whose working directory is in this folder, by their numbers."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(process.name)] = words.decode(errors="replace")
        except OSError:  # it ended, or belongs to the kernel
            continue
    return found


@pytest.fixture(scope="session", autouse=True)
def _no_process_stays_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail where a test left a process: one of them once wrote for two hours, until the disk was full."""
    yield
    deadline = time.monotonic() + 10  # for what was told to end, and is at it
    while (left := working_below(tmp_path_factory.getbasetemp())) and time.monotonic() < deadline:
        time.sleep(0.2)
    for number in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    assert not left, f"tests left these processes, which are killed now: {left}"
