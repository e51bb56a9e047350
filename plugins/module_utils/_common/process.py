# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a command with a time limit that also ends what it started inside a container.

``timeout docker exec ...`` ends the client and leaves the process in the container running. So every command gets a
variable of its own in its environment, which its children inherit in a container too; what still carries it when the
time is over is found through /proc and ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MARK = "LABSERVER_RUN"
GRACE_SECONDS = 5.0  # between "please end" and "end"

# Exit statuses of this module's own, as a shell has them.
TIMED_OUT = 124
NOT_STARTED = 126
NOT_FOUND = 127

Sink = Callable[[bytes], None]


@dataclass(frozen=True)
class Result:
    """``status`` is the exit status, 124 after a timeout, 126 when the system does not start the program, 127 when it
    does not exist."""

    status: int
    timed_out: bool = False
    reason: str = ""


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


def run(
    argv: Sequence[str],
    timeout_seconds: float,
    sink: Sink,
    *,
    container: str = "",
    environment: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
    stdin: bytes = b"",
) -> Result:
    """Run ``argv``, hand its output to ``sink`` piece by piece and return how it ended.

    ``keep_open`` are descriptors that the command inherits. SIGTERM to this process ends the command too.
    """
    mark = uuid.uuid4().hex
    variables = dict(environment or {})
    command = in_container(container, argv, list(variables)) if container else list(argv)
    if shutil.which(command[0]) is None:
        return Result(NOT_FOUND, reason=f"{command[0]} is not installed or not executable")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables, MARK: mark},
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    except OSError as error:  # a script without its first line, or with an interpreter that is not there
        return Result(NOT_STARTED, reason=f"{command[0]} cannot be started: {error.strerror}")
    if process.stdout is None:
        raise AssertionError("a pipe was asked for")
    pump = threading.Thread(target=_pump, args=(process.stdout, sink), daemon=True)
    pump.start()
    full_mark = f"{MARK}={mark}"
    with _ending_on_sigterm(full_mark) as stopped:
        if stdin and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin)
                process.stdin.close()
        try:
            status = process.wait(timeout_seconds)
            result = Result(status) if status >= 0 else Result(128 - status, reason=f"ended by signal {-status}")
            if stopped:
                result = Result(128 + signal.SIGTERM, reason="was ended because its runner was told to stop")
        except subprocess.TimeoutExpired:
            end(full_mark)
            process.wait()
            reason = f"did not end within {timeout_seconds:.0f} s and was ended"
            result = Result(TIMED_OUT, timed_out=True, reason=reason)
    pump.join(timeout=GRACE_SECONDS)  # a process left in the background may keep the pipe open for ever
    return result


def _pump(pipe: IO[bytes], sink: Sink) -> None:
    while piece := os.read(pipe.fileno(), 65536):
        sink(piece)


@contextlib.contextmanager
def _ending_on_sigterm(mark: str) -> Iterator[list[int]]:
    """While the command runs, SIGTERM (a shutdown, an outer time limit) ends the command; the list tells of it."""
    stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stopped.append(number)
        end(mark)

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    old = signal.signal(signal.SIGTERM, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGTERM, old)


def capture(
    argv: Sequence[str],
    timeout_seconds: float,
    *,
    container: str = "",
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    most_bytes: int = 1 << 20,
) -> tuple[Result, str]:
    """Like ``run``, with the output (at most ``most_bytes`` of it) as text."""
    pieces: list[bytes] = []
    size = 0

    def keep(piece: bytes) -> None:
        nonlocal size
        if size < most_bytes:
            pieces.append(piece[: most_bytes - size])
        size += len(piece)

    result = run(argv, timeout_seconds, keep, container=container, environment=environment, stdin=stdin)
    return result, b"".join(pieces).decode("utf-8", "replace")
