# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums by month, and how what nobody read is divided among those who ended."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import model
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import (
    Ended,
    Key,
    Parent,
    Reading,
    Run,
    Span,
    Sum,
    Who,
)
from hypothesis import given
from hypothesis import strategies as st

MIRA = Who("mira", ("leem",), "notebook", 2, 4.0)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_span_over_the_end_of_a_year_is_divided_by_time() -> None:
    span = Span(MIRA, at("2026-12-31T18:00"), at("2027-01-01T18:00"), 100.0, 4.0, 8000.0, 7, 1)
    december, january = (Key(month, "mira", ("leem",), "notebook") for month in ("2026-12", "2027-01"))
    assert model.booked([span], UTC) == {
        december: Sum(6 * 3600, 25.0, 1.0, 2000.0, 7, 2 * 6 * 3600, 1),
        january: Sum(18 * 3600, 75.0, 3.0, 6000.0, 7, 2 * 18 * 3600, 0),
    }


@given(st.floats(0, 4e9), st.floats(0, 4e7), st.floats(0, 1e6))
def test_nothing_is_lost_at_the_ends_of_months(begin: float, length: float, cpu: float) -> None:
    sums = model.booked([Span(MIRA, begin, begin + length, cpu, starts=1)], UTC)
    assert sum(one.seconds for one in sums.values()) == pytest.approx(length, abs=1e-3)
    assert sum(one.cpu for one in sums.values()) == pytest.approx(cpu)
    assert sum(one.starts for one in sums.values()) == 1


def test_a_counter_that_went_back_began_again() -> None:
    run = Run(MIRA, 0.0, 100.0, 50_000_000_000, 10)
    after, span = model.advance(run, 110.0, Reading(3_000_000_000, 30))
    assert (span.cpu, span.memory_byte_seconds, span.memory_peak, after.rate) == (3.0, 200.0, 30, 0.3)


def test_time_never_runs_backwards() -> None:
    after, span = model.advance(Run(MIRA, 0.0, 100.0), 90.0, Reading(0))
    assert (after.until, span.seconds) == (100.0, 0.0)


def test_what_the_group_of_all_has_more_is_of_those_who_ended() -> None:
    run = Run(MIRA, 0.0, 100.0, 5_000_000_000)
    ended = [Ended(run, 108.0, 108.0)]
    before = model.parent_of(30_000_000_000, [Reading(5_000_000_000), Reading(20_000_000_000)])
    now = model.parent_of(40_000_000_000, [Reading(22_000_000_000)])
    assert before == Parent(30_000_000_000, 5_000_000_000)
    assert model.used_by_ended(before, now, ended) == 8.0
    assert model.used_by_ended(None, now, ended) is None
    earlier, later = now, before
    assert model.used_by_ended(earlier, later, ended) is None, "a counter that began again tells nothing"
    (span,) = model.settle(ended, 8.0)
    assert (span.cpu, span.estimated, span.seconds) == (8.0, 0.0, 8.0)


@given(
    st.floats(0, 1e5),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), min_size=1, max_size=6),
)
def test_shares_add_up_and_nobody_gets_more_than_there_was_time_for(
    amount: float, parts: list[tuple[float, float]]
) -> None:
    weights, most = [one[0] for one in parts], [one[1] for one in parts]
    shares = model.share(amount, weights, most)
    assert sum(shares) == pytest.approx(min(amount, sum(most)), rel=1e-6, abs=1e-6)
    assert all(0 <= share <= limit * (1 + 1e-9) for share, limit in zip(shares, most, strict=True))


def test_who_used_more_gets_more() -> None:
    assert model.share(10.0, [3.0, 1.0], [100.0, 100.0]) == [7.5, 2.5]
    assert model.share(10.0, [3.0, 1.0], [4.0, 100.0]) == [4.0, 6.0]
    assert model.share(1.0, [0.0, 2e-313], [0.0, 1.0]) == [0.0, 1.0], "next to nothing"
    assert model.share(10.0, [0.0, 0.0], [100.0, 100.0]) == [5.0, 5.0], "nobody is known to have used anything"
