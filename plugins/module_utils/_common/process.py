# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every command that the cores run, each with a time limit. Nothing else imports ``subprocess``.

``call`` is for a command of this host that does its work and ends: its output is returned, and when the time is over
its process group is killed. ``started`` is for one that is fed or read while it runs.

``run`` and ``capture`` also end what a command started inside a container. ``timeout docker exec ...`` ends the client
and leaves the process in the container running. So every command gets a variable of its own in its environment, which
its children inherit in a container too; what still carries it when the time is over is found through /proc and ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Callable  # noqa: UP035  # collections.abc's cannot be subscripted by old Pythons, as _host needs

from .marks import GRACE_SECONDS, MARK, end, in_container

STUCK_SECONDS = 2.0  # how long a killed command may take to end; one that waits in the kernel never does

# Exit statuses of this module's own, as a shell has them.
TIMED_OUT = 124
NOT_STARTED = 126
NOT_FOUND = 127

Sink = Callable[[bytes], None]
PIPE = subprocess.PIPE
TimeoutExpired = subprocess.TimeoutExpired


@dataclass(frozen=True)
class Result:
    """``status`` is the exit status, 124 after a timeout, 126 when the system does not start the program, 127 when it
    does not exist."""

    status: int
    timed_out: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Done:
    """How a command ended (``status``, ``timed_out`` and ``reason`` as in ``Result``) and what it wrote where."""

    status: int
    output: bytes = b""
    errors: bytes = b""
    timed_out: bool = False
    reason: str = ""

    @property
    def words(self) -> str:
        """What a person is told of a failure: its errors, else how it ended."""
        said = self.errors.decode("utf-8", "replace").strip()
        return said or self.reason or f"exit status {self.status}"


def call(
    argv: Sequence[str],
    limit_seconds: float | None,
    *,
    environment: Mapping[str, str] | None = None,
    inherit: bool = True,
    stdin: bytes = b"",
    output: IO[bytes] | None = None,
    merged: bool = False,
) -> Done:
    """Run a command of this host and return how it ended and what it wrote.

    ``limit_seconds`` is None for what may take as long as the job that calls it, which has a limit itself. When the
    time is over, the command's process group is killed; what waits in the kernel, for a share's server, is left behind,
    and no other process is looked at, since that may wait there as well.

    ``environment`` is added to this process's, or with ``inherit`` False takes its place. ``output`` is an open file
    that gets what the command writes to standard output. With ``merged``, standard error goes there too.
    """
    with contextlib.ExitStack() as stack:
        # Memory and no pipes: a process left in the background would keep a pipe open for ever.
        said, complaints = stack.enter_context(_scratch()), stack.enter_context(_scratch())
        given = stack.enter_context(_scratch(stdin)) if stdin else subprocess.DEVNULL
        variables = dict(os.environ) if inherit else {key: os.environ[key] for key in (MARK,) if key in os.environ}
        variables.update(environment or {})
        wanted = output or said
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=given,
                stdout=wanted,
                stderr=wanted if merged else complaints,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            return _not_started(argv[0], error)
        timed_out, reason = False, ""
        try:
            status = process.wait(limit_seconds)
            if status < 0:
                status, reason = 128 - status, f"ended by signal {-status}"
        except subprocess.TimeoutExpired:
            _kill_group(process)
            status, timed_out, reason = TIMED_OUT, True, f"did not end within {limit_seconds:g} s and was ended"
        except BaseException:
            _kill_group(process)
            raise
        return Done(status, _content(said), _content(complaints), timed_out, reason)


@contextlib.contextmanager
def started(
    argv: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    merged: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that runs while the block feeds or reads it (``PIPE``), and kill it where it has not ended then.

    None is this process's own input or output. It stays in this process's session, so that a person's Ctrl-C reaches
    it. The block sees to the time. Raises OSError when it cannot be started.
    """
    process = subprocess.Popen(
        list(argv), stdin=stdin, stdout=stdout, stderr=subprocess.STDOUT if merged else None, bufsize=1 << 20
    )
    try:
        yield process
    finally:
        process.kill()  # does nothing to one that was waited for
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        process.wait()


def _scratch(content: bytes = b"") -> IO[bytes]:
    """Return a file without a name, in memory where the system has such, with its content to be read from the start."""
    in_memory = hasattr(os, "memfd_create")
    file: IO[bytes] = os.fdopen(os.memfd_create(MARK), "w+b") if in_memory else tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return file


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STUCK_SECONDS)


def _not_started(program: str, error: OSError) -> Done:
    """Return the end of a command that never began: a script may lack its first line or its interpreter."""
    if shutil.which(program) is None:
        return Done(NOT_FOUND, reason=f"{program} is not installed or not executable")
    return Done(NOT_STARTED, reason=f"{program} cannot be started: {error.strerror}")


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
    full_mark = f"{MARK}={mark}"
    with _ending_on_sigterm(full_mark) as stopped:  # before the command begins: told to stop just then, it must end too
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
        if stopped:
            end(full_mark)
        if process.stdout is None:
            raise AssertionError("a pipe was asked for")
        pump = threading.Thread(target=_pump, args=(process.stdout, sink), daemon=True)
        pump.start()
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
