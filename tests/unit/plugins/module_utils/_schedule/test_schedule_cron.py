# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of jobs: against a walk through every minute, and against systemd's own reading where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timedelta

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import cron as jobs_time

SCHEDULES = [
    "39 * * * *",
    "*/17 3,15 * * *",
    "5 4 1 * *",
    "5 4 * * sun",
    "30 2 13 * fri",
    "0 0 31 1-12/2 *",
    "7 5 * feb 7",
]


def meant(fields: str, moment: datetime) -> bool:
    """crontab(5) read a second time, one minute at a time and without sets of the code under test."""
    words = {
        "sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "jan": 1, "feb": 2, "mar": 3, "apr": 4,
        "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
    }  # fmt: skip

    def matches(field: str, value: int, low: int, high: int) -> bool:
        for part in field.split(","):
            span, _slash, step = part.partition("/")
            ends = (span.split("-") * 2)[:2] if span != "*" else [str(low), str(high)]
            first, last = (int(words.get(end, end)) for end in ends)
            if first <= value <= last and (value - first) % int(step or 1) == 0:
                return True
        return False

    minute, hour, day, month, weekday = fields.split()
    number = moment.isoweekday() % 7
    by_day = matches(day, moment.day, 1, 31)
    by_weekday = matches(weekday, number, 0, 7) or (number == 0 and matches(weekday, 7, 0, 7))
    days = by_day and by_weekday if "*" in (day[0], weekday[0]) else by_day or by_weekday
    clock = matches(minute, moment.minute, 0, 59) and matches(hour, moment.hour, 0, 23)
    return clock and days and matches(month, moment.month, 1, 12)


@pytest.mark.parametrize("fields", SCHEDULES)
def test_due_times_are_those_of_a_walk_through_the_minutes(fields: str) -> None:
    cron = jobs_time.parse(fields)
    start = datetime(2026, 11, 20, 10, 30)
    moments = (start + timedelta(minutes=number) for number in range(1, 60 * 24 * 130))
    assert jobs_time.next_due(cron, start) == next(moment for moment in moments if meant(fields, moment))
    back = (start - timedelta(minutes=number) for number in range(60 * 24 * 330))
    assert jobs_time.last_due(cron, start) == next(moment for moment in back if meant(fields, moment))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("fields", SCHEDULES)
def test_systemd_reads_the_same_times(fields: str) -> None:
    cron = jobs_time.parse(fields)
    start = datetime(2026, 11, 20, 10, 30)
    coming = []
    for expression in jobs_time.on_calendar(cron):
        output = subprocess.run(
            ["systemd-analyze", "calendar", "--base-time", f"{start:%F %T}", expression],
            check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
        ).stdout  # fmt: skip
        line = next(line for line in output.splitlines() if "Next elapse" in line)
        coming.append(datetime.strptime(" ".join(line.split()[3:5]), "%Y-%m-%d %H:%M:%S"))
    assert min(coming) == jobs_time.next_due(cron, start)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("60 * * * *", "minute 60 is not from 0 to 59"),
        ("* * * *", "has 4 fields"),
        ("5/3 * * * *", "needs a range"),
        ("9-3 * * * *", "runs backwards"),
        ("x * * * *", 'minute "x" is not a number'),
        ("*/0 * * * *", "step of minute 0"),
    ],
)
def test_a_wrong_schedule_says_what_is_wrong(fields: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        jobs_time.parse(fields)


def test_words_become_times_that_differ_between_hosts_and_never_change() -> None:
    assert jobs_time.fields_of("twice-daily", "a", "renew") == jobs_time.fields_of("twice-daily", "a", "renew")
    minutes = {jobs_time.fields_of("hourly", f"server{number}", "renew") for number in range(20)}
    assert len(minutes) > 12
    for number in range(50):
        minute, hours, *_rest = jobs_time.fields_of("twice-daily", f"server{number}", "renew").split()
        early, late = (int(hour) for hour in hours.split(","))
        assert late - early == 12
        assert 0 <= int(minute) <= 59
