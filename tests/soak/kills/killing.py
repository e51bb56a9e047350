# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills: a process by ``kill -9`` at any moment, or a change of files and containers before any of its effects."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files


def killed(work: Callable[[], object], after_seconds: float) -> bool:
    """Do ``work`` in a process that is killed with all of its children; returns whether it had not ended before."""
    process = os.fork()
    if process == 0:
        os.setsid()
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    time.sleep(after_seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


class Killed(BaseException):
    """Nothing after it is done, as when the process is killed: only a base exception passes all handlers."""


class Effects:
    """Counts effects, and kills before one of them. ``left`` None: never."""

    def __init__(self, left: int | None = None) -> None:
        self.left, self.seen = left, 0

    def before(self) -> None:
        """Count one effect that is about to happen."""
        if self.left is not None and self.seen >= self.left:
            raise Killed
        self.seen += 1

    @contextlib.contextmanager
    def watching(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Count what changes files."""

        def counted(original: Callable[..., Any]) -> Callable[..., Any]:
            def act(*arguments: Any, **more: Any) -> Any:
                self.before()
                return original(*arguments, **more)

            return act

        with monkeypatch.context() as patch:
            patch.setattr(files, "replace", counted(files.replace))
            for name in ("unlink", "mkdir", "chmod", "touch"):
                patch.setattr(Path, name, counted(getattr(Path, name)))
            yield
