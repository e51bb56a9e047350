# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""announcements.json: what the inventory announces, on the pages of those whom it concerns."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from contract import Meets, Reader, check, validate
from places import hub_file, hub_sources
from writers import PUBLIC, announcements, put

PATH = f"{PUBLIC}/announcements.json"

READERS = [
    Reader(
        "labhub/exchange",
        hub_file(lambda sources: sources.announcements[0]),
        Meets.KEEPS,
        Meets.KEEPS,
    )
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, announcements(), PATH, "announcements")


def test_what_is_written_fits_the_schema() -> None:
    validate(announcements(), PATH, "announcements")


def test_each_is_shown_to_whom_and_when_the_inventory_says(tmp_path: Path) -> None:
    put(tmp_path, announcements())
    service, steps = hub_sources(tmp_path).announcements[0].current()
    assert (service.severity, steps.severity) == ("warning", "info")
    during = datetime(2026, 11, 21, 7, tzinfo=UTC)
    assert service.holds(during, None)
    assert not service.holds(datetime(2026, 11, 21, 9, tzinfo=UTC), None), "it ends at eight"
    assert steps.holds(during, ("xps",))
    assert not steps.holds(during, ("leem",)) and not steps.holds(during, None)
