# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver updates``: what waits, what is held back and why, and when the host may be restarted. Changes nothing."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .._common import clock, exchange, words
from . import job, pending, settings, state, window
from .policy import Policy
from .world import ASK_SECONDS, World

FAILED = 2


def report(world: World, wanted: Policy | None) -> dict[str, Any]:
    """Return all there is to say. Raises OSError where apt does not answer."""
    status, said = world.run(pending.SIMULATE, ASK_SECONDS)
    if status:
        raise OSError(f"apt does not say what waits: {words.clean(said)}")
    known = job.settle(world, state.read(world.root))
    found = pending.parse(said)
    document: dict[str, Any] = {
        "version": 1,
        "packages": pending.told(found, wanted),
        "restart": list(world.restart(known.last.kernel if known.last else "")),
        "busy": list(world.busy()),
        "announced": known.begins,
        "missed": known.missed,
        "last_restart": {"at": known.last.at, "why": known.last.why} if known.last else None,
        "next_window": None,
        "does": "nothing: labserver_updates is not set",
        "others": settings.others(world.root),
    }
    if wanted is None:
        return document
    if wanted.reboot:
        document["next_window"] = window.described(window.window_from(wanted.reboot, world.now()))
    fresh = replace(known, engine=found.engine, drivers=found.drivers, asked=clock.stamp(world.now()))
    current, _known = job.look(world, wanted, fresh)
    document["does"] = window.decide(wanted, current).line if wanted.has_job else "updates of security are installed"
    if known.ordered:
        document["does"] = f"restarts: {known.ordered.why}"
    return document


def text(document: dict[str, Any]) -> str:
    """Return a report for people."""
    rows = [f"  {row['package']:32} {row['version']:28} {row['becomes']}" for row in document["packages"]]
    window_of, last = document["next_window"], document["last_restart"]
    facts = [
        ("a restart is due for", "; ".join(document["restart"]) or "nothing"),
        ("next window", f"{window_of['begins']} to {window_of['ends']}" if window_of else ""),
        ("at work now", ", ".join(document["busy"])),
        ("last restart in a window", f"{last['at']}, {last['why']}" if last else ""),
        ("missed", document["missed"]),
        *(("note", one) for one in document["others"]),
        ("now", document["does"]),
    ]
    lines = [words.clean(f"{name}: {value}", 300) for name, value in facts if value]
    return "\n".join(["waiting packages:", *rows, *lines] if rows else ["no package waits", *lines])


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver updates``."""
    parser = argparse.ArgumentParser(prog="labserver updates", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args(list(argv))
    time.tzset()
    world = World()
    try:
        try:
            wanted: Policy | None = job.load(world)
        except FileNotFoundError:
            wanted = None
        document = report(world, wanted)
    except (OSError, exchange.ExchangeError) as error:
        sys.stderr.write(f"labserver updates: {error}\n")
        return FAILED
    sys.stdout.write((json.dumps(document) if arguments.json else text(document)) + "\n")
    return 0
