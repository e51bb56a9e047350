# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides what is due now: whom to tell, what to install, whether to restart the host. All pure; times have a zone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from .._common.clock import stamp
from .._schedule import cron
from .pending import names
from .policy import WEEKDAYS, Policy, Reboot


@dataclass(frozen=True)
class Window:
    """From when to when the host may be restarted."""

    begins: datetime
    ends: datetime

    def text(self) -> str:
        """Return it by the host's clock."""
        return f"{self.begins.astimezone():%Y-%m-%d %H:%M %Z}"


@dataclass(frozen=True)
class Told:
    """Of which window people were told, and since when that stands."""

    window: Window
    since: datetime


@dataclass(frozen=True)
class Current:
    """How it stands now. ``restart``: why the host has to be restarted; ``engine``, ``drivers``: packages that wait.

    ``servers``: people whose servers run, None where the engine does not answer. ``busy``: what works on the host and
    must not be cut off. ``driverless``: why the host would come back without its graphics cards. ``told``, ``missed``
    and ``held`` are remembered: what people were told, why it did not come to that, and what held it up last.
    """

    now: datetime
    restart: tuple[str, ...] = ()
    engine: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    servers: tuple[str, ...] | None = ()
    busy: tuple[str, ...] = ()
    driverless: str = ""
    told: Told | None = None
    missed: str = ""
    held: str = ""


@dataclass(frozen=True)
class Plan:
    """What to do: ``told`` is what is to be announced (None: nothing), ``install`` packages, ``reboot`` afterwards.

    ``wait``: ask again in a moment, something is at work. ``line`` is for the status table.
    """

    line: str
    told: Told | None = None
    install: tuple[str, ...] = ()
    reboot: bool = False
    wait: bool = False
    missed: str = ""
    held: str = ""
    why: tuple[str, ...] = ()

    @property
    def acts(self) -> bool:
        """Whether something is to be done now."""
        return self.reboot or bool(self.install)


def window_from(reboot: Reboot, moment: datetime) -> Window:
    """Return the first window that begins at ``moment`` or later, by the host's clock.

    A time that the clock leaves out in spring is an hour later; of one that comes twice in autumn the first counts.
    The window has its length whatever the clock does meanwhile.
    """
    hour, _colon, minute = reboot.time.partition(":")
    day = "*" if reboot.weekday == WEEKDAYS[0] else str(WEEKDAYS.index(reboot.weekday) - 1)
    times = cron.parse(f"{int(minute)} {int(hour)} * * {day}")
    # A day earlier: local times may repeat, and what begins too early is passed over below.
    local = moment.astimezone().replace(tzinfo=None) - timedelta(days=1)
    while True:
        found = cron.next_due(times, local)
        if found is None:
            raise ValueError(f"{reboot} names no time that comes")
        begins = found.astimezone(UTC)
        if begins.astimezone().replace(tzinfo=None) != found:  # the clock leaves it out
            begins = found.replace(fold=1).astimezone(UTC)
        if begins >= moment:
            return Window(begins, begins + timedelta(hours=reboot.window_hours))
        local = found


def reasons(policy: Policy, current: Current) -> tuple[str, ...]:
    """Return why the host is to be restarted in the window; empty when nothing asks for it."""
    found = list(current.restart)
    if current.engine and policy.engine != "never":
        found.append(f"the engine ({names(current.engine)})")
    if current.drivers:
        found.append(f"the driver of the graphics cards ({names(current.drivers)})")
    return tuple(found)


def decide(policy: Policy, current: Current) -> Plan:
    """Return what is due now."""
    idle = _when_idle(policy, current)
    if policy.reboot is None:
        return idle or Plan(_waiting(policy, current))
    why = reasons(policy, current)
    if not why:
        coming = window_from(policy.reboot, current.now)
        return Plan(f"nothing waits for a restart; the next window begins {coming.text()}")
    told, missed = _standing(policy.reboot, current)
    if told is None:
        notice = timedelta(hours=policy.reboot.notice_hours)
        told = Told(window_from(policy.reboot, current.now + notice), current.now)
    said = "; ".join(why)
    if idle is not None and not told.window.begins <= current.now:
        return Plan(idle.line, told, idle.install, missed=missed, why=why)
    if current.now < told.window.begins:
        before = f"{missed}; " if missed else ""
        return Plan(f"{before}restart announced for {told.window.text()}: {said}", told, missed=missed, why=why)
    return _in_window(policy, current, Plan("", told, missed=missed, why=why))


def _in_window(policy: Policy, current: Current, plan: Plan) -> Plan:
    """Return what is done in the window of which people were told."""
    if current.driverless and not current.drivers:  # else they may bring it, and it is asked again after that
        line = f"not restarted: {current.driverless}"
        return replace(plan, line=line, missed=line, held=current.driverless)
    if current.busy:
        found = names(current.busy)
        return replace(plan, line=f"waits: {found} at work", wait=True, held=f"{found} was at work")
    engine = current.engine if policy.engine != "never" else ()
    return replace(plan, line=f"restart: {'; '.join(plan.why)}", install=(*engine, *current.drivers), reboot=True)


def _standing(reboot: Reboot, current: Current) -> tuple[Told | None, str]:
    """Return what people were told and still holds, and what came to nothing."""
    told = current.told
    if told is None:
        return None, current.missed
    if told.window.ends <= current.now:
        held = current.held or "nothing was done, the host was off perhaps"
        return None, f"the window of {told.window.text()} passed without a restart: {held}"
    asked = window_from(reboot, told.window.begins)
    in_time = told.since + timedelta(hours=reboot.notice_hours) <= told.window.begins
    return (told if asked == told.window and in_time else None), current.missed


def _when_idle(policy: Policy, current: Current) -> Plan | None:
    idle = policy.engine == "when_idle" and bool(current.engine) and current.servers == () and not current.busy
    if not idle:
        return None
    return Plan(f"nobody's server runs: updates the engine ({names(current.engine)})", install=current.engine)


def _waiting(policy: Policy, current: Current) -> str:
    if policy.engine != "when_idle" or not current.engine:
        return "nothing waits"
    if current.servers is None:
        return f"the engine ({names(current.engine)}) waits, but does not answer"
    what = names(current.busy) if current.busy else f"servers of {names(current.servers)}"
    return f"the engine ({names(current.engine)}) waits until nobody is at work: {what}"


def described(window: Window) -> dict[str, str]:
    """Return a window as exchange files hold it."""
    return {"begins": stamp(window.begins), "ends": stamp(window.ends)}
