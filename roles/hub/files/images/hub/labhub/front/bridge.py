# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries one session (a shell, a command, SFTP) between the person's client and the person's container."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh

from .hub import HubError

LOG = logging.getLogger("labhub.front")
VARIABLE = re.compile(r"LANG|LC_[A-Z_]{1,20}|COLORTERM|TERM_PROGRAM")
LONGEST_VALUE = 200
SUBSYSTEMS = ("sftp",)

Inside = Callable[[], Awaitable[Any]]


class FromInside(asyncssh.SSHClientSession[bytes]):
    """The container's end of a session."""

    def __init__(self, outer: FromOutside):
        self._outer = outer
        self._end: tuple[str, Any] | None = None

    def data_received(self, data: bytes, datatype: int | None) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            self._outer.channel.write(data, datatype)

    def eof_received(self) -> bool:
        with contextlib.suppress(OSError):
            self._outer.channel.write_eof()
        return True

    def exit_status_received(self, status: int) -> None:
        self._end = ("status", status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._end = ("signal", (signal, core_dumped, msg, lang))

    def connection_lost(self, exc: Exception | None) -> None:
        # Only now: a status may come before the last of what was printed.
        channel = self._outer.channel
        if self._end is None:
            channel.close()
        elif self._end[0] == "status":
            channel.exit(self._end[1])
        else:
            channel.exit_with_signal(*self._end[1])

    def pause_writing(self) -> None:
        self._outer.channel.pause_reading()

    def resume_writing(self) -> None:
        self._outer.channel.resume_reading()


class FromOutside(asyncssh.SSHServerSession[bytes]):
    """The client's end of a session. ``inside`` returns the connection to the person's container."""

    channel: Any

    def __init__(self, inside: Inside):
        self._inside = inside
        self._inner: Any = None
        self._terminal: dict[str, Any] = {}
        self._asked: dict[str, str | None] = {}
        self._early: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, chan: Any) -> None:
        self.channel = chan

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        self._terminal = {"term_type": term_type, "term_size": term_size, "term_modes": term_modes}
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._asked = {"command": command}
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self._asked = {"subsystem": subsystem}
        return subsystem in SUBSYSTEMS

    def session_started(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        variables = {
            key: value
            for key, value in self.channel.get_environment().items()
            if VARIABLE.fullmatch(key) and len(value) <= LONGEST_VALUE
        }
        try:
            connection = await self._inside()
            self._inner, _session = await connection.create_session(
                lambda: FromInside(self), **self._asked, **self._terminal, env=variables, encoding=None
            )
        except (HubError, asyncssh.Error, OSError) as error:
            LOG.warning("no session: %s", error)
            words = error if isinstance(error, HubError) else "Your files cannot be opened at the moment."
            self.channel.write_stderr(f"labserver: {words}\r\n".encode())
            self.channel.exit(255)
            return
        for step in self._early:
            step()
        self._early.clear()

    def _then(self, step: Callable[[], None]) -> None:
        """Do something with the inner channel, now or as soon as there is one."""
        if self._inner is None:
            self._early.append(step)
        else:
            with contextlib.suppress(OSError, asyncssh.Error):
                step()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._then(lambda: self._inner.write(data, datatype))

    def eof_received(self) -> bool:
        self._then(self._end_input)
        return True

    def _end_input(self) -> None:
        self._inner.write_eof()

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self._then(lambda: self._inner.change_terminal_size(width, height, pixwidth, pixheight))

    def signal_received(self, signal: str) -> None:
        self._then(lambda: self._inner.send_signal(signal))

    def break_received(self, msec: int) -> bool:
        self._then(lambda: self._inner.send_break(msec))
        return True

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_reading()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._inner is not None:
            self._inner.close()
