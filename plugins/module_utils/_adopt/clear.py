# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes away, without Ansible, what the roles put into the old hub's way: as ``playbooks/tasks/adopt_back.yml`` does.

A part that fails does not keep the others: the old hub is to run again with as little in its way as can be.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from .._common import labels, lock, paths
from .._hub import transaction, unattended
from .._proxy import plan as front_door
from .._schedule import plan as schedule
from .._shares import converge as shares
from .._shares import world as shares_world
from .._shares.model import EXCHANGE
from .keep import AdoptError, Effects
from .unit import PROGRAM

JOBS = ("hub-watch", "usage", "builds", "status-page", "registry-maintenance", "registry-outlook", "share-health",
        "accounts-expire")  # fmt: skip
SERVICES = ("labserver-catalogue.service", "labserver-hub-network.service", "labserver-notebooks.service",
            "labserver-usage-watch.service")  # fmt: skip
ROOMS = ("hub", "registry")
WATCHED = ("etc/labserver/services.d/hub.json", "etc/labserver/services.d/registry.json")
NETWORK = "labserver-hub"
CHANGE_SECONDS = 90.0
"""So long is waited for a change of the hub that the host ends at the same time."""


def clear(effects: Effects) -> tuple[str, ...]:
    """Take away front door, jobs, hub, registry and shares; returns what could not be taken away, as sentences."""
    parts: tuple[tuple[str, Callable[[Effects], None]], ...] = (
        # First, so that nobody hears of a hub that is down.
        ("what is watched", _watched),
        ("the jobs", _jobs),
        ("the front door", _front_door),
        ("hub and registry", _containers),
        ("the shares", _shares),
    )
    problems = []
    for what, take_away in parts:
        try:
            take_away(effects)
        except (
            AdoptError, OSError, RuntimeError, ValueError, lock.BusyError,
            shares.RefusedError, shares_world.ApplyError,
        ) as error:  # fmt: skip
            problems.append(f"{what} could not be taken away: {error}")
    return tuple(problems)


def _watched(effects: Effects) -> None:
    for path in WATCHED:
        effects.inside(path).unlink(missing_ok=True)


def _jobs(effects: Effects) -> None:
    wanted = schedule.desired([{"name": name, "state": "absent"} for name in JOBS], "cron", "")
    existing = schedule.read(effects.root, [path for of_job in wanted.values() for path in of_job])
    schedule.apply(effects.root, schedule.compare(wanted, existing), effects.run)


def _front_door(effects: Effects) -> None:
    steps = front_door.removal(effects.root)
    if steps.changed:
        front_door.apply(effects.root, steps, effects.run)


def _containers(effects: Effects) -> None:
    # A change of the new hub that the host would otherwise finish goes with it.
    with lock.hold(effects.root, unattended.LOCK, CHANGE_SECONDS):
        place = transaction.Place(
            record=effects.inside("var/lib/labserver/hub-change.json"),
            maintenance=effects.inside("etc/labserver/public/maintenance.json"),
        )
        transaction.close(place)
        for name in SERVICES:
            if effects.run(["systemctl", "cat", name])[0] == 0:
                effects.order("systemctl", "disable", "--now", name)
        effects.order(PROGRAM, "hub-network", "--remove")
        listing = ("docker", "ps", "--all", "--quiet")
        found = [each for room in ROOMS for each in effects.order(*listing, *_filters(room)).split()]
        if found:
            effects.order("docker", "rm", "--force", *found)
        effects.run(["docker", "network", "rm", NETWORK])  # most often: there is none yet


def _filters(room: str) -> tuple[str, str]:
    return "--filter", f"label={labels.of(room)}"


def _shares(effects: Effects) -> None:
    if not effects.inside(EXCHANGE).exists():
        return  # the role did not come so far: what /etc/fstab has is the old hub's
    stamp = datetime.fromtimestamp(effects.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    world = shares_world.World(str(effects.root))
    shares.converge(world, {"shares_root": paths.SHARES}, check=False, stamp=stamp)
