# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver hub-change``: ends a change of the hub whose run is lost, without the controller.

It runs as a unit of its own while a change is recorded (``transaction.attend``). A run that is at work shows itself: by
the lock, by the time of the record, by the containers that it makes. When nothing was heard of it for a minute, a
change of which everything is in place and answers is kept, and any other one is taken back. After a boot, and where
the unit is gone, the job ``hub-watch`` does the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from .._common import lock, lost_run
from .._common.docker_api import SOCKET, DockerEngine, EngineError
from . import change, servers, transaction
from .transaction import Place, Record, World

LOCK = "hub-change"
"""Held by a step of a run that changes the hub, and by whoever ends the change of another."""
ANSWER_SECONDS = 30.0
"""So long is waited for a hub: with the above, a lost change is ended within two minutes."""


def abandoned(world: World) -> bool:
    """Tell whether a change was begun that nobody works on any more: no step of it, nor anything else of the run."""
    record = transaction.read(world.place)
    if record is None:
        return False
    signs = [world.place.record.stat().st_mtime, *_made(world, record)]
    return lost_run.silent(world.place.root, signs, world.now().timestamp())


def _made(world: World, record: Record) -> list[float]:
    """Return when the containers of now were made: a run shows itself by each that it replaces."""
    found = []
    for name in record.former.containers:
        now = servers.inspect(world.engine, name)
        if now is not None and now.get("Created"):
            # Docker writes nanoseconds, always in UTC.
            found.append(datetime.fromisoformat(f"{now['Created'][:19]}+00:00").timestamp())
    return found


def complete(world: World, record: Record) -> bool:
    """Tell whether every container is the wanted one. A record of an earlier release does not say which these are."""
    return not any(
        change.needs_change(servers.inspect(world.engine, name), label) for name, label in record.wanted.items()
    )


def finish(world: World, seconds: float = ANSWER_SECONDS) -> str:
    """End a change whose run is lost; returns what was done, empty when there is none or somebody is at work on it.

    Raises EngineError, OSError or ValueError.
    """
    try:
        with lock.hold(world.place.root, LOCK):
            record = transaction.read(world.place) if abandoned(world) else None
            return _end(world, record, seconds) if record is not None else ""
    except lock.BusyError:
        return ""


def _end(world: World, record: Record, seconds: float) -> str:
    begun = f"the change of the hub begun at {record.since} was never finished"
    if complete(world, record):
        found = transaction.verify(world, record.base_url, seconds)
        if found.well:
            words = f"{begun}; it went well: {found.sentence()}"
            transaction.keep(world.place.ended, replace(record, words=words, well=True))
            return words
    restored, said = transaction.take_back(world, seconds)
    words = f"{begun} and is taken back: {transaction.in_words(restored, said)}"
    if transaction.read(world.place) is None:
        transaction.keep(world.place.ended, replace(record, words=words))
    return words


def lost(world: World, began: str) -> str:
    """Say how a change which this run began was taken back by the host; empty when it was not.

    A run that stalls for long (its controller slept) comes back to a hub that the host has finished or taken back.
    ``began`` is empty for a run that changed nothing.
    """
    if not began or transaction.read(world.place) is not None:
        return ""
    last = transaction.ended(world.place)
    if last is not None and last.since == began and last.well:
        return ""
    how = last.words if last is not None and last.since == began else "nothing is recorded of how"
    return (
        f"the change of the hub that this run began at {began} was ended by the host, because nothing was heard of the "
        f"run for {lost_run.ABANDONED_SECONDS:.0f} seconds ({how}); run the playbook again"
    )


def tell(place: Place) -> str:
    """Return, once, what the host did with a change whose run was lost: whoever began it has to hear of it."""
    last = transaction.ended(place)
    if last is None or last.told:
        return ""
    transaction.keep(place.ended, replace(last, told=True))
    return last.words


def attend(world: World, say: Callable[[str], None]) -> None:
    """Look again and again until no change is recorded; what cannot be done is said once, and tried again."""
    lost_run.attend(
        world.place.record.exists, lambda: finish(world), (EngineError, OSError, ValueError), say, world.sleep
    )


def main(argv: Sequence[str]) -> int:
    """Command line of the unit: runs until no change of the hub is recorded."""
    parser = argparse.ArgumentParser(prog="labserver hub-change", description=__doc__)
    parser.add_argument("--record", type=Path, default=Place.record, help="where the change is recorded")
    place = Place(record=parser.parse_args(list(argv)).record)

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    attend(World(DockerEngine(SOCKET, timeout=60), place), say)
    return 0
