# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a job is due: words and cron fields, the last and the next due time, and the same for systemd. All pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

WORDS = ("hourly", "twice-daily", "daily", "weekly")

MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
WEEKDAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
SYSTEMD_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")

# Name, smallest and largest value, and the words that stand for numbers: crontab(5).
FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 7, WEEKDAYS),
)

# A schedule such as "29 February on a Monday" comes round once in 28 years; nobody means more than that.
SEARCH_DAYS = 28 * 366
SOME_DAY = datetime(2026, 1, 1)


@dataclass(frozen=True)
class CronTime:
    """Five cron fields as sets of numbers; Sunday is 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    # cron joins the two day fields with "or", unless one of them begins with a star (crontab(5)).
    either_day: bool

    def on(self, day: datetime) -> bool:
        """Whether the job is due at some time of the calendar day ``day``."""
        if day.month not in self.months:
            return False
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday


def host_number(limit: int, *seeds: str) -> int:
    """Return a number from 0 to ``limit - 1`` that is always the same for the same seeds.

    So the servers of a lab, and of all labs, do not ask a certificate authority at the same minute.
    """
    digest = hashlib.sha256("\0".join(seeds).encode()).digest()
    return int.from_bytes(digest[:8], "big") % limit


def fields_of(schedule: str, host: str, job: str) -> str:
    """Return the five cron fields of a schedule: a word of WORDS becomes a time derived from host and job."""
    minute = host_number(60, host, job, "minute")
    if schedule == "hourly":
        return f"{minute} * * * *"
    if schedule == "twice-daily":
        hour = host_number(12, host, job, "hour")
        return f"{minute} {hour},{hour + 12} * * *"
    night = 1 + host_number(5, host, job, "hour")  # 01:00 to 05:59
    if schedule == "daily":
        return f"{minute} {night} * * *"
    if schedule == "weekly":
        return f"{minute} {night} * * 0"
    return " ".join(schedule.split())


def _number(text: str, label: str, low: int, high: int, words: dict[str, int]) -> int:
    value = words.get(text.lower())
    if value is None:
        if not text.isascii() or not text.isdigit():
            raise ValueError(f'{label} "{text}" is not a number from {low} to {high}')
        value = int(text)
    if not low <= value <= high:
        raise ValueError(f"{label} {value} is not from {low} to {high}")
    return value


def _values(field: str, label: str, low: int, high: int, words: dict[str, int]) -> set[int]:
    values: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, f"step of {label}", 1, high, {}) if slash else 1
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (_number(end, label, low, high, words) for end in span.split("-", 1))
            if first > last:
                raise ValueError(f'{label} range "{span}" runs backwards')
        else:
            if slash:
                raise ValueError(f'{label} "{part}": a step needs a range or a star before it')
            first = last = _number(span, label, low, high, words)
        values.update(range(first, last + 1, step))
    return values


def parse(fields: str) -> CronTime:
    """Read five cron fields. Raises ValueError that says which field is wrong and what is allowed."""
    parts = fields.split()
    if len(parts) != len(FIELDS):
        count = "1 field" if len(parts) == 1 else f"{len(parts)} fields"
        raise ValueError(f"has {count}; give one of {', '.join(WORDS)}, or five cron fields")
    minutes, hours, days, months, weekdays = (_values(part, *rule) for part, rule in zip(parts, FIELDS, strict=True))
    return CronTime(
        minutes=frozenset(minutes),
        hours=frozenset(hours),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(number % 7 for number in weekdays),
        either_day=not parts[2].startswith("*") and not parts[4].startswith("*"),
    )


def problems(schedule: str) -> list[str]:
    """Return why a schedule (a word of WORDS or five cron fields) is not one; empty when it is."""
    if schedule in WORDS:
        return []
    try:
        cron = parse(schedule)
    except ValueError as error:
        return [f'"{schedule}": {error}']
    if next_due(cron, SOME_DAY) is None:
        return [f'"{schedule}" names a day that never comes; give another']
    return []


def _times(cron: CronTime, day: datetime) -> list[datetime]:
    clock = [time(hour, minute) for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]
    return [datetime.combine(day.date(), moment) for moment in clock]


def _days(start: datetime, step: int) -> Iterator[datetime]:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(SEARCH_DAYS):
        yield midnight + timedelta(days=number * step)


def last_due(cron: CronTime, now: datetime) -> datetime | None:
    """The latest due time that is not after ``now``; both are local times without zone, as cron keeps them."""
    for day in _days(now, -1):
        if cron.on(day):
            passed = [moment for moment in _times(cron, day) if moment <= now]
            if passed:
                return passed[-1]
    return None


def next_due(cron: CronTime, now: datetime) -> datetime | None:
    """The first due time after ``now``; both are local times without zone."""
    for day in _days(now, 1):
        if cron.on(day):
            coming = [moment for moment in _times(cron, day) if moment > now]
            if coming:
                return coming[0]
    return None


def _listed(values: frozenset[int], low: int, high: int) -> str:
    if values == frozenset(range(low, high + 1)):
        return "*"
    return ",".join(f"{value:02d}" for value in sorted(values))


def on_calendar(cron: CronTime) -> list[str]:
    """The same times as values of OnCalendar= (systemd.time(7)); two of them where cron joins the days with "or"."""
    clock = f"{_listed(cron.hours, 0, 23)}:{_listed(cron.minutes, 0, 59)}:00"
    months = _listed(cron.months, 1, 12)
    days = _listed(cron.days, 1, 31)
    weekdays = ",".join(SYSTEMD_WEEKDAYS[number] for number in sorted(cron.weekdays))
    prefix = "" if len(cron.weekdays) == len(SYSTEMD_WEEKDAYS) else f"{weekdays} "
    if cron.either_day:
        return [f"*-{months}-{days} {clock}", f"{prefix}*-{months}-* {clock}"]
    return [f"{prefix}*-{months}-{days} {clock}"]
