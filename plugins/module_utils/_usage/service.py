# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver usage-watch``: counts what people's servers use, all the time.

Every ten seconds the counters of all servers are read, and at once when one ends; every minute, and when one ends,
everything is written into the database.
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from .._common import lock
from .._common.docker_api import DockerEngine, EngineError
from .._common.own_program import OwnProgram
from . import settings
from .recorder import EVENTS, Recorder, World
from .store import FILE, Store

LOCK = "usage"
SAMPLE_SECONDS = 10.0
FLUSH_SECONDS = 60.0
SILENCE_SECONDS = 3600.0
"""So long an engine may have nothing to tell before it is asked anew."""
RETRY_SECONDS = 2.0
LOST, END = "lost", "end"
Told = SimpleQueue[Any]


def listen(engine: DockerEngine, told: Told) -> None:
    """Put what Docker tells of servers into the queue, for ever; ``LOST`` when it may have told what was not heard."""
    since = time.time()
    while True:
        try:
            query = {"since": f"{since:.9f}", "filters": EVENTS}
            for event in engine.stream("GET", "/events", query=query, timeout=SILENCE_SECONDS):
                since = int(event["timeNano"]) / 1e9
                told.put(event)
        except (EngineError, ValueError, KeyError, TypeError):
            pass
        time.sleep(RETRY_SECONDS)
        told.put(LOST)


class Service:
    """The loop: hears, reads, keeps. What does not work is said once, and tried again."""

    def __init__(self, recorder: Recorder, told: Told, say: Callable[[str], None]) -> None:
        self.recorder, self.told, self.say = recorder, told, say
        self.said: dict[str, str] = {}

    def attempt(self, name: str, what: Callable[[], object]) -> None:
        """Do something that asks Docker or writes; a failure is said when it is another than the last one of it."""
        try:
            what()
        except (EngineError, OSError, ValueError, KeyError, sqlite3.Error) as error:
            problem = f"{type(error).__name__}: {error}"
            if problem != self.said.get(name):
                self.say(f"{name}: {problem}")
            self.said[name] = problem
        else:
            if self.said.pop(name, ""):
                self.say(f"{name}: works again")

    def hear(self, event: Mapping[str, Any] | str) -> bool:
        """Take in what the queue has; returns whether a server ended."""
        if event == LOST:
            self.attempt("asking Docker", self.recorder.catch_up)
            return True
        ended: list[bool] = []
        if isinstance(event, Mapping):
            self.attempt("asking Docker", lambda: ended.append(self.recorder.attend(event)))
        return any(ended)

    def serve(self, over: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        """Record until it is ``over``, or until ``END`` is in the queue."""
        self.attempt("asking Docker", self.recorder.catch_up)
        self.attempt("reading the counters", self.recorder.sample)
        self.attempt("writing the record", self.recorder.flush)
        read = kept = clock()
        while not over():
            try:
                event = self.told.get(timeout=max(read + SAMPLE_SECONDS - clock(), 0.01))
            except Empty:
                event = None
            if event == END:
                break
            ended = event is not None and self.hear(event)
            if not ended and clock() < read + SAMPLE_SECONDS:
                continue
            keep = ended or clock() >= kept + FLUSH_SECONDS
            if keep and not ended:
                self.attempt("asking Docker", self.recorder.compare)
            self.attempt("reading the counters", self.recorder.sample)
            read = clock()
            if keep:
                self.attempt("writing the record", self.recorder.flush)
                kept = clock()
        self.attempt("reading the counters", self.recorder.sample)
        self.attempt("writing the record", self.recorder.flush)


def main(argv: Sequence[str]) -> int:
    """Command line of the service: runs until it is ended; 1 when it cannot begin."""
    parser = argparse.ArgumentParser(prog="labserver usage-watch", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    root = parser.parse_args(list(argv)).root

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    told: Told = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: told.put(END))
    world = World(root)
    try:
        wanted = settings.load(root)
        # The job may be at it just now, as it is while this service does not run.
        with lock.hold(root, LOCK, wait_seconds=60.0):
            store = Store(root / FILE)
            threading.Thread(target=listen, args=(DockerEngine(), told), daemon=True).start()
            Service(Recorder(world, store, wanted.cgroup_parent), told, say).serve(OwnProgram().replaced)
            store.close()
    except (OSError, ValueError, sqlite3.Error, lock.BusyError) as error:
        say(f"labserver usage-watch: {error}")
        return 1
    return 0
