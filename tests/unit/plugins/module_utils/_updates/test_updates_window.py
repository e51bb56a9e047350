# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is due when: windows by the host's clock, and the decision, with a clock that is moved."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.policy import Policy, Reboot
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.window import (
    Current,
    Told,
    Window,
    decide,
    window_from,
)
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._updates.updates_host import (
    FRIDAY,
    OPENS,
    SUNDAYS,
    berlin,
)

__all__ = ["berlin"]
pytestmark = pytest.mark.usefixtures("berlin")
KERNEL = ("linux-image-6.12.2-amd64",)
TOLD = Told(Window(OPENS, OPENS + timedelta(hours=2)), FRIDAY)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("weekday", "time", "moment", "begins"),
    [
        ("sunday", "04:00", "2026-11-20T12:00Z", "2026-11-22T03:00Z"),
        ("sunday", "04:00", "2026-11-22T03:00Z", "2026-11-22T03:00Z"),
        ("sunday", "04:00", "2026-11-22T03:00:01Z", "2026-11-29T03:00Z"),
        ("saturday", "23:30", "2026-11-20T12:00Z", "2026-11-21T22:30Z"),
        ("daily", "04:00", "2026-11-20T12:00Z", "2026-11-21T03:00Z"),
        ("monday", "00:00", "2026-11-22T12:00Z", "2026-11-22T23:00Z"),
        # The clock is put forward on 2026-03-29 from 2:00 to 3:00, and back on 2026-10-25 from 3:00 to 2:00.
        ("sunday", "04:00", "2026-03-28T12:00Z", "2026-03-29T02:00Z"),
        ("sunday", "02:30", "2026-03-28T12:00Z", "2026-03-29T01:30Z"),
        ("sunday", "02:30", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
        ("sunday", "02:30", "2026-10-25T00:31Z", "2026-11-01T01:30Z"),
        ("daily", "02:30", "2026-10-25T00:45Z", "2026-10-26T01:30Z"),
    ],
)
def test_a_window_begins_by_the_clock_of_the_host(weekday: str, time: str, moment: str, begins: str) -> None:
    assert window_from(Reboot(weekday, time), at(moment)).begins == at(begins)


def test_a_window_has_its_length_though_the_clock_is_put_forward_in_it() -> None:
    window = window_from(Reboot("sunday", "01:30", window_hours=2), at("2026-03-28T12:00Z"))
    assert window.ends - window.begins == timedelta(hours=2)
    assert f"{window.ends.astimezone():%H:%M}" == "04:30"


def test_nothing_due_announces_nothing_and_forgets_what_was_missed() -> None:
    plan = decide(SUNDAYS, Current(FRIDAY, told=TOLD, missed="the window passed"))
    assert (plan.told, plan.acts, plan.missed) == (None, False, "")
    assert "2026-11-22 04:00 CET" in plan.line


def test_what_is_due_is_told_at_once_and_for_a_window_that_leaves_the_notice() -> None:
    plan = decide(SUNDAYS, Current(FRIDAY, restart=KERNEL))
    assert plan.told == TOLD and not plan.acts
    too_late = OPENS - timedelta(hours=23)
    plan = decide(SUNDAYS, Current(too_late, restart=KERNEL))
    assert plan.told is not None and plan.told.window.begins == OPENS + timedelta(days=7)


@pytest.mark.parametrize(
    ("seconds", "acts"), [(-1, False), (0, True), (2 * 3600 - 1, True), (2 * 3600, False), (3 * 3600, False)]
)
def test_the_host_is_restarted_in_the_window_alone(seconds: int, acts: bool) -> None:
    plan = decide(SUNDAYS, Current(OPENS + timedelta(seconds=seconds), restart=KERNEL, told=TOLD, servers=("mira",)))
    assert plan.reboot is acts
    if seconds >= 2 * 3600:
        assert plan.told is not None and plan.told.window.begins == OPENS + timedelta(days=7)
        assert "passed without a restart" in plan.missed


def test_nobody_is_restarted_who_was_not_told_in_time() -> None:
    """Also when the inventory moves the window, or wants a longer notice."""
    late = dataclasses.replace(TOLD, since=OPENS - timedelta(hours=1))
    for told in (None, late):
        plan = decide(SUNDAYS, Current(OPENS, restart=KERNEL, told=told))
        assert not plan.acts
        assert plan.told is not None and plan.told.window.begins == OPENS + timedelta(days=7)
    moved = dataclasses.replace(SUNDAYS, reboot=Reboot("sunday", "03:30"))
    assert not decide(moved, Current(OPENS, restart=KERNEL, told=TOLD)).acts
    longer = dataclasses.replace(SUNDAYS, reboot=Reboot("sunday", "04:00", notice_hours=48))
    assert not decide(longer, Current(OPENS, restart=KERNEL, told=TOLD)).acts


def test_what_is_at_work_is_waited_for_and_named_when_the_window_is_over() -> None:
    current = Current(OPENS, restart=KERNEL, told=TOLD, busy=("the job backup",))
    plan = decide(SUNDAYS, current)
    assert (plan.wait, plan.acts) == (True, False)
    over = dataclasses.replace(current, now=TOLD.window.ends, held=plan.held)
    assert "the job backup was at work" in decide(SUNDAYS, over).missed


def test_without_the_driver_for_the_next_kernel_the_host_is_not_restarted() -> None:
    plan = decide(SUNDAYS, Current(OPENS, restart=KERNEL, told=TOLD, driverless="no module for 6.12.2"))
    assert (plan.acts, plan.wait) == (False, False)
    assert "no module for 6.12.2" in plan.missed


@pytest.mark.parametrize(
    ("engine", "install", "told"),
    [("with_reboot", ("docker.io",), True), ("when_idle", ("docker.io",), True), ("never", (), False)],
)
def test_the_engine_comes_with_the_restart(engine: str, install: tuple[str, ...], told: bool) -> None:
    policy = dataclasses.replace(SUNDAYS, engine=engine)
    waiting = Current(FRIDAY, engine=("docker.io",), servers=("mira",))
    assert (decide(policy, waiting).told is not None) is told
    assert not decide(policy, waiting).acts
    opened = dataclasses.replace(waiting, now=OPENS, told=TOLD, restart=KERNEL)
    plan = decide(policy, opened)
    assert plan.reboot and plan.install == install


@pytest.mark.parametrize(
    ("servers", "busy", "install"),
    [((), (), ("docker.io",)), (("mira",), (), ()), (None, (), ()), ((), ("the job backup",), ())],
)
@pytest.mark.parametrize("reboot", [None, SUNDAYS.reboot])
def test_when_idle_the_engine_is_updated_while_nobodys_server_runs(
    servers: tuple[str, ...] | None, busy: tuple[str, ...], install: tuple[str, ...], reboot: Reboot | None
) -> None:
    plan = decide(Policy(True, "when_idle", reboot), Current(FRIDAY, engine=("docker.io",), servers=servers, busy=busy))
    assert (plan.install, plan.reboot) == (install, False)


def test_with_reboot_the_engine_waits_for_the_window_though_nobody_is_there() -> None:
    assert not decide(SUNDAYS, Current(FRIDAY, engine=("docker.io",), servers=())).acts


def test_drivers_come_in_the_window_with_the_restart() -> None:
    current = Current(OPENS, drivers=("libnvidia-gl-550",), told=TOLD)
    plan = decide(dataclasses.replace(SUNDAYS, engine="never"), current)
    assert plan.reboot and plan.install == ("libnvidia-gl-550",)
