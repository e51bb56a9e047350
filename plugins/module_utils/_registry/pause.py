# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps a registry from running while its store is worked on, and lets it start again whatever happens.

The lab's own registry runs under ``roles/registry/files/images/registry/serve``, which agrees on two lock files: a
registry holds ``store`` shared while it lives and passes ``gate`` before it starts. Whoever holds ``gate`` and has
got ``store`` exclusively knows that none runs and that none can start. The kernel gives both back when the holder
ends, also by ``kill -9`` or a reboot, and the registry starts in that moment.

A registry that somebody else set up is stopped and started by commands. There a child process watches over the work and
starts the registry when the job dies before it could.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .._common import lock, process

GATE_SECONDS = 2.0
"""A registry that is starting holds the gate for milliseconds; only maintenance holds it for longer."""


class PauseError(Exception):
    """The registry could not be brought to rest, or did not start again."""


@contextlib.contextmanager
def supervised(locks: Path, stop: Callable[[], None], timeout: float = 60.0) -> Iterator[None]:
    """Hold a registry that runs under ``serve``; ``stop`` asks it to end. ``timeout`` in seconds.

    Raises BusyError when somebody else is at work on this store.
    """
    with _lock_file(locks / "gate") as gate, _lock_file(locks / "store") as store:
        if not lock.acquire(gate, GATE_SECONDS):
            raise lock.BusyError(f"{locks}: maintenance is under way already")
        end = time.monotonic() + timeout
        stop()
        while not lock.acquire(store, 5.0):
            if time.monotonic() > end:
                raise PauseError(f"{locks}: the registry still runs {timeout:g} s after it was asked to end")
            stop()  # again: it may have been starting just then
        yield


@contextlib.contextmanager
def commanded(stop: Sequence[str], start: Sequence[str], locks: Path, timeout: float = 120.0) -> Iterator[None]:
    """Hold a registry that ``stop`` ends and ``start`` brings back; both are run with ``timeout`` (seconds)."""
    with _lock_file(locks / "gate") as gate:
        if not lock.acquire(gate):
            raise lock.BusyError(f"{locks}: maintenance is under way already")
        guardian = _Guardian(start, timeout)
        try:
            _run(stop, timeout)
            yield
        finally:
            try:
                _run(start, timeout)
            finally:
                guardian.dismiss()


def wait_until_up(answers: Callable[[], object], timeout: float = 60.0) -> None:
    """Wait until the registry answers. ``answers`` raises while it does not; ``timeout`` in seconds."""
    end = time.monotonic() + timeout
    while True:
        try:
            answers()
        except Exception as error:
            if time.monotonic() > end:
                raise PauseError(f"the registry did not answer within {timeout:g} s: {error}") from error
            time.sleep(0.02)
        else:
            return


class _Guardian:
    """A child in a session of its own that runs a command when this process ends without having dismissed it."""

    def __init__(self, command: Sequence[str], timeout: float) -> None:
        reader, self._writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.setsid()
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                os.close(self._writer)
                if os.read(reader, 1) == b"":
                    process.call(command, timeout)
            finally:
                os._exit(0)
        os.close(reader)

    def dismiss(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._writer, b"1")
        os.close(self._writer)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


@contextlib.contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock.opened(path, 0o644) as descriptor:  # readable for the registry's user, who locks the same files
        yield descriptor


def _run(command: Sequence[str], timeout: float) -> None:
    done = process.call(command, timeout)
    if done.status != 0:
        raise PauseError(f"{' '.join(command)}: {done.reason or f'exit status {done.status}'}: {done.words[-500:]}")
