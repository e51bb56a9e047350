# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, by the ids that were written down when they were started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from .places import NAMESPACE, RUN

INSIDE = ["nsenter", f"--net=/run/netns/{NAMESPACE}", "--"]  # put before a command to run it in the machines' network


def sh(*command: str | Path, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of this machine, with the options of subprocess.run (``check`` is on)."""
    words = [str(word) for word in command]
    options = {"text": True, "errors": "surrogateescape", **options}
    return subprocess.run(words, check=check, **options)


def start_process(name: str, command: list[str], out: IO[bytes]) -> None:
    """Start a command in the machines' network, in a process group of its own; ``out`` takes what it prints."""
    process = subprocess.Popen(
        [*INSIDE, *command],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,
    )
    (RUN / f"{name}.pid").write_text(str(process.pid))


def stop_process(name: str) -> None:
    """End the process group that start_process(name) made; nothing happens when there is none."""
    file = RUN / f"{name}.pid"
    if not file.exists():
        return
    group = int(file.read_text())
    for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        end = time.monotonic() + patience
        while time.monotonic() < end and alive(group):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(group, os.WNOHANG)
            time.sleep(0.05)
        if not alive(group):
            break
    file.unlink()


def ended(name: str) -> bool:
    """Tell whether the process that start_process(name) made has ended by itself."""
    group = int((RUN / f"{name}.pid").read_text())
    with contextlib.suppress(ChildProcessError):  # it is somebody else's child
        os.waitpid(group, os.WNOHANG)
    return not alive(group)


def alive(group: int) -> bool:
    """Tell whether a process group has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until ``condition`` holds; return how long that took in seconds, raise TimeoutError after ``seconds``."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.2)
    return time.monotonic() - begin
