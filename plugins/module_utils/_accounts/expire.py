# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver accounts-expire``: offboard people after their last day, and give notice before."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date

from .._common.job import BUSY, CRITICAL, OK, WARNING
from . import records
from .apply import converge
from .model import Desired
from .records import Register
from .store import StoreError
from .world import RefusedError, World


def notices(desired: Desired, today: date) -> list[tuple[int, str]]:
    """Return for everybody whose last day is near: days left (0: today is the last one) and a sentence."""
    told: list[tuple[int, str]] = []
    for user in desired.users:
        if user.expires is None or user.state != "present":
            continue
        left = (user.expires - today).days
        if 0 <= left <= desired.settings.expiry_notice_days:
            when = "today" if left == 0 else "tomorrow" if left == 1 else f"in {left} days"
            told.append((left, f"{user.name}: the last day of access is {user.expires} ({when})"))
    return sorted(told)


def due(desired: Desired, register: Register, today: date) -> frozenset[str]:
    """Return who has to leave and has not left completely."""
    return frozenset(
        user.name
        for user in desired.users
        if user.expires is not None
        and user.expires < today
        and user.name in register.users
        and register.users[user.name].state != "absent"
    )


def days_of_notice(desired: Desired) -> set[int]:
    """Return on which numbers of days left the job asks for attention: at first, a week and a day before."""
    return {desired.settings.expiry_notice_days, 7, 1}


def expire(world: World, check: bool = False) -> tuple[int, list[str]]:
    """Do the day's work; returns the exit status of a job (see docs/reference/interfaces.md) and what to say."""
    try:
        desired, ids = records.load_wanted(world.root)
        today = world.now().astimezone().date()
        near = notices(desired, today)
        lines = [text for _left, text in near]
        names = due(desired, records.read_register(world.root), today)
        failures: list[str] = []
        if names:
            outcome = converge(desired, ids, world, check=check, only=names)
            lines += [
                f"{act.name}: {act.what}{f' ({act.detail})' if act.detail else ''}" for act in outcome.plan.actions
            ]
            failures = outcome.failures
    except StoreError as error:
        return BUSY, [str(error)]
    except (RefusedError, ValueError, OSError) as error:
        return CRITICAL, [str(error)]
    if failures:
        return CRITICAL, lines + failures
    return (WARNING if any(left in days_of_notice(desired) for left, _text in near) else OK), lines


def main(argv: Sequence[str]) -> int:
    """Entry point of the job; returns its exit status."""
    parser = argparse.ArgumentParser(prog="labserver accounts-expire", description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    arguments = parser.parse_args(argv)
    status, lines = expire(World.real(), check=arguments.check)
    sys.stdout.write("".join(f"{line}\n" for line in lines or ["no access ends soon"]))
    return status
