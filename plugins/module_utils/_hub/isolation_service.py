# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver hub-network``: keeps people's servers apart, and tells the guard before each start whether they are.

The rules are looked at every twenty seconds, and each time somebody connects to the service's socket: who does gets one
JSON object, ``{"version": 1, "isolated": true, "reason": ""}``. The guard before Docker's socket lets no server start
without that answer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .._common import lock
from .._common.own_program import OwnProgram
from .._common.words import clean
from . import isolation
from .isolation import Outcome, World

SOCKET = "hub-network.sock"
"""Below the folder of the locks, which is root's alone."""
PERIOD_SECONDS = 20.0
ANSWER_SECONDS = 5.0


class Service:
    """Looks, mends, answers, and says in the journal what changed."""

    def __init__(self, world: World, config: Path, say: Callable[[str], None]) -> None:
        self.world = world
        self.config = config
        self.say = say
        self.last = ""

    def look(self) -> Outcome:
        """Return how it stands after mending."""
        try:
            outcome = isolation.converge(self.world, isolation.desired(self.config))
        except ValueError as error:
            outcome = Outcome(str(error))
        if outcome.mended:
            self.say(f"rules of the network restored: {'; '.join(outcome.mended)}")
        if outcome.reason and outcome.reason != self.last:
            self.say(f"people's servers are not kept apart: {outcome.reason}")
        self.last = outcome.reason
        return outcome

    def answer(self, connection: socket.socket) -> None:
        """Tell one caller how it stands; one who does not listen is not waited for."""
        outcome = self.look()
        text = json.dumps({"version": 1, "isolated": outcome.isolated, "reason": clean(outcome.reason, 500)})
        with contextlib.suppress(OSError):
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(text.encode() + b"\n")

    def serve(
        self,
        listener: socket.socket,
        over: Callable[[], bool],
        period_seconds: float = PERIOD_SECONDS,
    ) -> None:
        """Look and answer until it is ``over``."""
        due = time.monotonic()
        while not over():
            listener.settimeout(max(due - time.monotonic(), 0.01))
            try:
                connection, _address = listener.accept()
            except TimeoutError:
                self.look()
                due = time.monotonic() + period_seconds
                continue
            with connection:
                self.answer(connection)


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at ``path``; what an earlier run left there goes."""
    lock.folder(path.parent)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(64)
    return listener


def ready(environment: str = "NOTIFY_SOCKET") -> None:
    """Tell systemd that the rules are in place."""
    address = os.environ.get(environment)
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect("\0" + address[1:] if address.startswith("@") else address)
        notify.sendall(b"READY=1")


def main(argv: Sequence[str]) -> int:
    """Command line: runs until it is ended; 1 when people's servers cannot be kept apart at the start."""
    parser = argparse.ArgumentParser(prog="labserver hub-network", description=__doc__)
    parser.add_argument("--once", action="store_true", help="look and mend once, say how it stands, and end")
    parser.add_argument("--remove", action="store_true", help="take the rules away again, and end")
    arguments = parser.parse_args(list(argv))
    world = World()
    if arguments.remove:
        wrong = isolation.withdraw(world)
        if wrong:
            sys.stderr.write(f"{wrong}\n")
        return 1 if wrong else 0

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    service = Service(world, isolation.CONFIG, say)
    first = service.look()
    if arguments.once or not first.isolated:
        return 0 if first.isolated else 1
    with listen(Path("/") / lock.FOLDER / SOCKET) as listener:
        ready()
        service.serve(listener, OwnProgram().replaced)
    return 0
