# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a scheduled notebook is due. ``cron.py`` beside it is the one of the host's jobs; see ``__hub_shared_files``.

Times of day are those of the host, whose time zone the hub's container has. In the hour that is skipped in spring a run
comes an hour later, and in the one that comes twice in autumn it comes once.
"""

from __future__ import annotations

import datetime
import re

from ..words.language import gettext, later
from . import cron

DAYS = {
    "* * *": later("every day"),
    "* * 1-5": later("Monday to Friday"),
    "* * 1": later("on Mondays"),
    "* * 2": later("on Tuesdays"),
    "* * 3": later("on Wednesdays"),
    "* * 4": later("on Thursdays"),
    "* * 5": later("on Fridays"),
    "* * 6": later("on Saturdays"),
    "* * 0": later("on Sundays"),
    "1 * *": later("on the first of each month"),
}
"""The last three cron fields that people can choose, and how they are called."""
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
LONGEST = 100


def fields_of(days: str, clock: str) -> str:
    """Return the cron fields of chosen days and a time of day (``03:30``); raises ValueError for others."""
    found = CLOCK.fullmatch(clock)
    if days not in DAYS or found is None:
        raise ValueError(gettext("Choose days and a time of day such as 03:30."))
    return f"{int(found[2])} {int(found[1])} {days}"


def checked(fields: str) -> str:
    """Return cron fields that may be used; raises ValueError that says why they may not."""
    plain = " ".join(fields.split())
    try:
        if len(plain) > LONGEST:
            raise ValueError(f"more than {LONGEST} letters")
        parsed = cron.parse(plain)
    except ValueError as error:
        said = gettext("These are not five cron fields, such as 30 3 * * 1-5: {why}")
        raise ValueError(said.format(why=error)) from None
    if len(parsed.minutes) > 1:
        raise ValueError(gettext("A notebook runs at most once an hour: give one minute, such as 30 */2 * * *."))
    if cron.next_due(parsed, cron.SOME_DAY) is None:
        raise ValueError(gettext("This day never comes."))
    return plain


def _moment(naive: datetime.datetime) -> datetime.datetime:
    # Not ``astimezone``: of a time that is skipped it takes the offset that holds afterwards, an hour too early.
    return datetime.datetime.fromtimestamp(naive.timestamp(), datetime.UTC)


def last_due(fields: str, now: datetime.datetime) -> datetime.datetime | None:
    """Return the latest time, in UTC, at which it was due; ``now`` has a zone."""
    parsed, local = cron.parse(fields), now.astimezone().replace(tzinfo=None)
    while (naive := cron.last_due(parsed, local)) is not None:
        if _moment(naive) <= now:
            return _moment(naive)
        local = naive - datetime.timedelta(minutes=1)  # a time that is skipped today comes an hour later
    return None


def next_due(fields: str, now: datetime.datetime) -> datetime.datetime | None:
    """Return the first time, in UTC, at which it will be due."""
    parsed, local = cron.parse(fields), now.astimezone().replace(tzinfo=None) - datetime.timedelta(hours=2)
    while (naive := cron.next_due(parsed, local)) is not None:
        if _moment(naive) > now:
            return _moment(naive)
        local = naive
    return None


def words(fields: str) -> str:
    """Return for people when it is: ``every day at 03:30``, or the cron fields."""
    minute, hour, days = fields.split(" ", 2)
    if days in DAYS and minute.isdecimal() and hour.isdecimal():
        return gettext("{days} at {time}").format(days=gettext(DAYS[days]), time=f"{int(hour):02d}:{int(minute):02d}")
    return gettext("by the cron fields {fields}").format(fields=fields)
