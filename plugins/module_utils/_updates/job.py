# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver updates-window``: tell people of a restart that is due, and restart the host in its window.

Called every few minutes by host cron and after each start. Exit status: 0 ok, 1 a window passed without the restart,
2 critical.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from .._common import clock, exchange, job, words
from .._common.lock import BusyError
from . import announce, pending, policy, state
from .policy import Policy
from .state import Last, Ordered, State
from .window import Current, Plan, decide
from .world import ASK_SECONDS, World

ASK_AGAIN = timedelta(hours=6)
"""To ask apt costs two seconds of CPU; the lists change twice a day."""
PAUSE_SECONDS = 30.0
GRACE_MINUTES = 5
"""Between the order and the restart. All but the last of it the locks are held."""
GIVEN_UP = timedelta(minutes=30)
"""A restart that has not happened by then does not happen: somebody called it off (shutdown -c), or it hangs."""


def settle(world: World, known: State) -> State:
    """Return what is remembered, brought up to date after a restart that was ordered."""
    ordered = known.ordered
    if ordered is None:
        return known
    if ordered.boot != world.boot():
        last = Last(clock.stamp(world.booted()), ordered.why, ordered.kernel)
        return replace(known, ordered=None, last=last, missed="", held="", asked="", **state.telling(None))
    at = clock.past(ordered.at, world.now())
    if at is not None and world.now() - at < GIVEN_UP:
        return known
    missed = f"the restart that was ordered at {ordered.at} did not happen (shutdown -c?)"
    return replace(known, ordered=None, missed=missed, held="", **state.telling(None))


def look(world: World, wanted: Policy, known: State) -> tuple[Current, State]:
    """Return how it stands, and what is remembered of what apt said."""
    now = world.now()
    asked = clock.past(known.asked, now)
    told = known.told
    opened = told is not None and asked is not None and asked < told.window.begins <= now
    if asked is None or opened or now - asked > ASK_AGAIN:
        status, said = world.run(pending.SIMULATE, ASK_SECONDS)
        if status == 0:
            found = pending.parse(said)
            known = replace(known, asked=clock.stamp(now), engine=found.engine, drivers=found.drivers)
    servers = world.servers()
    current = Current(
        now,
        restart=world.restart(known.last.kernel if known.last else ""),
        engine=known.engine,
        drivers=known.drivers if wanted.reboot else (),
        servers=None if servers is None else tuple(dict.fromkeys(person for person, _container in servers)),
        busy=world.busy(),
        driverless=world.driverless(),
        told=told,
        missed=known.missed,
        held=known.held,
    )
    return current, known


def remember(world: World, wanted: Policy, known: State, plan: Plan) -> State:
    """Write down what was decided, and announce it."""
    if plan.told and wanted.reboot:
        listed = announce.announcements(plan.told, timedelta(hours=wanted.reboot.notice_hours))
        announce.tell(world.root, listed)
    else:
        announce.tell(world.root, [])
    held = plan.held or (known.held if plan.told == known.told else "")
    now = replace(known, missed=plan.missed, held=held, **state.telling(plan.told))
    state.write(world.root, now)
    return now


def attend(world: World, wanted: Policy, grace_minutes: int = GRACE_MINUTES) -> tuple[int, str]:
    """Do what is due; returns the exit status of the job and a line for the status table. Raises OSError."""
    known = settle(world, state.read(world.root))
    if known.ordered:
        return job.OK, f"restarts: {known.ordered.why}"
    while True:
        current, known = look(world, wanted, known)
        plan = decide(wanted, current)
        known = remember(world, wanted, known, plan)
        if plan.acts:
            try:
                with world.alone():
                    return act(world, known, plan, grace_minutes)
            except BusyError as error:  # it began just now
                plan = replace(plan, line=f"waits: {error}", wait=plan.reboot)
        if not plan.wait:
            break
        world.sleep(PAUSE_SECONDS)
    last = f"; last restarted {known.last.at} for {known.last.why}" if known.last else ""
    return (job.WARNING if plan.missed else job.OK), plan.line + last


def act(world: World, known: State, plan: Plan, grace_minutes: int) -> tuple[int, str]:
    """Install what is left out at other times, and restart the host if it is due."""
    if plan.install:
        if failed := world.install(plan.install):
            line = f"{pending.names(plan.install)} could not be updated, so the host is not restarted: {failed}"
            state.write(world.root, replace(known, missed=line, held=failed, asked=""))
            return job.CRITICAL, line
        known = replace(known, engine=(), drivers=(), asked="")
        state.write(world.root, known)
    if not plan.reboot:
        return job.OK, plan.line
    if driverless := world.driverless():
        line = f"not restarted: {driverless}"
        state.write(world.root, replace(known, missed=line, held=driverless))
        return job.WARNING, line
    return restart(world, known, plan, grace_minutes)


def restart(world: World, known: State, plan: Plan, grace_minutes: int) -> tuple[int, str]:
    """Restart the host. The locks are held by the caller."""
    now, why = world.now(), "; ".join(plan.why)
    ordered = replace(known, ordered=Ordered(clock.stamp(now), world.boot(), why, world.kernel()))
    state.write(world.root, ordered)
    if plan.told:
        announce.tell(world.root, announce.at_once(plan.told, now))
    message = f"This server is restarted for updates ({why}). shutdown -c calls it off."
    if failed := world.power(grace_minutes, message):
        line = f"the restart could not be ordered: {failed}"
        state.write(world.root, replace(known, missed=line, held=failed))
        return job.CRITICAL, line
    world.sleep(max(grace_minutes - 1, 0) * 60.0)
    stopped = world.stop_servers()
    count = "1 server of a person was" if stopped == 1 else f"{stopped} servers of people were"
    return job.OK, f"restarts: {why}; {count} stopped"


def load(world: World) -> Policy:
    """Read what the role wrote. Raises OSError, ExchangeError."""
    return policy.from_json((world.root / policy.FILE).read_bytes())


def planned(known: State, now: datetime) -> str:
    """Return when the host will be restarted as people were told; empty when they were not."""
    told = known.told
    return told.window.text() if told and told.window.ends > now else ""


def main(argv: Sequence[str]) -> int:
    """Command line of the job."""
    parser = argparse.ArgumentParser(prog="labserver updates-window", description=__doc__)
    parser.add_argument(
        "--grace-minutes", type=int, default=GRACE_MINUTES, help="from the order to the restart (default: %(default)s)"
    )
    arguments = parser.parse_args(list(argv))
    time.tzset()
    world = World()
    try:
        status, line = attend(world, load(world), arguments.grace_minutes)
    except (OSError, exchange.ExchangeError) as error:
        status, line = job.CRITICAL, str(error)
    line = words.clean(line, 300)
    sys.stdout.write(f"{line}\n")
    job.leave(line)
    return status
