# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often somebody hears of a matter: replayed over days, minute by minute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import clock
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import alert

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def replay(levels: Iterable[str], quiet: str = "", step: int = 5) -> list[tuple[float, str]]:
    """Return (hours since the start, the end of the subject) of all that is told; one level each ``step`` minutes."""
    told, heard = alert.Told(), []
    for count, level in enumerate(levels):
        now = START + timedelta(minutes=count * step)
        due, rest = alert.decide(told, level, now, quiet)
        if due:
            change = alert.change(told, level, now)
            news = alert.Alert("atlas", "proxy", level, "", clock.stamp(now), "", change)
            heard.append((count * step / 60, news.subject.partition("proxy ")[2]))
            rest = alert.after(told, news)
        told = rest
    return heard


def test_a_problem_that_lasts_is_told_once_a_day_and_its_end_once() -> None:
    heard = replay(["critical"] * 12 * 50 + ["ok"] * 100)
    assert heard == [(0, "critical"), (24, "critical (still)"), (48, "critical (still)"), (50, "works again")]


def test_what_comes_and_goes_all_day_is_told_once() -> None:
    heard = replay((["critical"] * 2 + ["ok"] * 2) * 12 * 6)  # ten minutes each, for a day
    assert heard == [(0, "critical"), (pytest.approx(1 / 6), "works again")]


def test_what_comes_back_and_stays_is_told_after_an_hour() -> None:
    heard = replay(["critical"] * 12 + ["ok"] * 24 + ["critical"] * 24)
    assert heard == [(0, "critical"), (1, "works again"), (4, "critical (again)")]


def test_what_gets_worse_is_told_at_once_and_what_gets_milder_is_not() -> None:
    heard = replay(["warning"] * 12 + ["critical"] * 12 + ["warning"] * 12 + ["ok"])
    assert heard == [(0, "warning"), (1, "critical (was warning)"), (3, "works again")]


def test_a_warning_that_comes_back_worse_is_told_at_once() -> None:
    assert replay(["warning", "ok", "critical"])[-1][1] == "critical"


def test_quiet_hours_keep_what_is_not_critical_until_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = f"{START.astimezone():%H:%M}-{(START + timedelta(hours=9)).astimezone():%H:%M}"
    assert replay(["warning"] * 12 * 10, quiet) == [(9, "warning")]
    assert replay(["critical"] * 12 + ["ok"] * 12 * 10, quiet) == [(0, "critical"), (9, "works again")]
    assert replay(["warning"] * 12 + ["ok"] * 12 * 10, quiet) == [], "it came and went by night"


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("22:00-07:00", "23:30", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("12:00-13:00", "12:59", True),
        ("12:00-13:00", "13:00", False),
        ("", "03:00", False),
    ],
)
def test_quiet_hours_go_over_midnight(hours: str, at: str, quiet: bool) -> None:
    hour, minute = (int(part) for part in at.split(":"))
    assert alert.is_quiet(hours, datetime(2026, 11, 23, hour, minute).astimezone()) is quiet


def test_hours_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="22:00-07:00"):
        alert.is_quiet("25:00-7", START)
