# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a notebook is due: by the host's clock, also on the two days of the year on which that jumps."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from labhub.runs import when

# As the hub's container gets it: the last line of /etc/localtime.
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime.datetime:
    return datetime.datetime(2026, month, day, hour, minute, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (utc(1, 15, 1, 59), utc(1, 14, 2)),
        (utc(1, 15, 2), utc(1, 15, 2)),
        (utc(7, 15, 0, 59), utc(7, 14, 1)),
        (utc(7, 15, 1), utc(7, 15, 1)),
    ],
)
def test_a_time_of_day_is_that_of_the_lab_in_winter_and_in_summer(
    zone: Callable[[str], None], now: datetime.datetime, due: datetime.datetime
) -> None:
    zone(BERLIN)
    assert when.last_due("0 3 * * *", now) == due


def due_times(fields: str, begin: datetime.datetime, end: datetime.datetime) -> list[datetime.datetime]:
    """Return all times at which something comes due, found by a look each minute as the hub does it."""
    found: list[datetime.datetime] = []
    now = begin
    while now < end:
        last = when.last_due(fields, now)
        assert last is not None and last <= now
        if last >= begin and last not in found:
            found.append(last)
        now += datetime.timedelta(minutes=1)
    return found


def test_a_time_that_is_skipped_in_spring_comes_an_hour_later_and_once(zone: Callable[[str], None]) -> None:
    zone(BERLIN)  # 2026-03-29: 02:00 is followed by 03:00, which is 01:00 UTC
    assert due_times("30 2 * * *", utc(3, 28, 23), utc(3, 29, 23)) == [utc(3, 29, 1, 30)]
    assert when.next_due("30 2 * * *", utc(3, 29, 0)) == utc(3, 29, 1, 30)


def test_a_time_that_comes_twice_in_autumn_is_due_once(zone: Callable[[str], None]) -> None:
    zone(BERLIN)  # 2026-10-25: 03:00 is followed by 02:00, which is 01:00 UTC
    assert due_times("30 2 * * *", utc(10, 24, 23), utc(10, 25, 23)) == [utc(10, 25, 0, 30)]
    assert when.next_due("30 2 * * *", utc(10, 25, 0, 45)) == utc(10, 26, 1, 30)


def test_days_and_a_clock_become_cron_fields_and_words() -> None:
    assert when.fields_of("* * 1-5", "03:05") == "5 3 * * 1-5"
    assert when.words("5 3 * * 1-5") == "Monday to Friday at 03:05"
    assert when.words("0 */6 * * *") == "by the cron fields 0 */6 * * *"
    assert when.last_due("5 3 * * 1-5", utc(11, 22, 12)) == utc(11, 20, 3, 5), "the 22nd is a Sunday"


@pytest.mark.parametrize(("days", "clock"), [("* * 9", "03:00"), ("* * *", "24:00"), ("* * *", ""), ("", "03:00")])
def test_no_other_days_and_times_of_day(days: str, clock: str) -> None:
    with pytest.raises(ValueError, match="Choose days"):
        when.fields_of(days, clock)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ("* * * * *", "at most once an hour"),
        ("0,30 * * * *", "at most once an hour"),
        ("0 25 * * *", "hour 25 is not from 0 to 23"),
        ("0 3 30 2 *", "never comes"),
        ("daily", "has 1 field"),
        ("0 " + "1," * 60 + "1 * * *", "more than 100 letters"),
    ],
)
def test_cron_fields_that_are_refused(fields: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        when.checked(fields)


def test_cron_fields_are_kept_as_they_are_meant() -> None:
    assert when.checked("  30   */6 * *  mon-fri ") == "30 */6 * * mon-fri"
