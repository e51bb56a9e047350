# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage.json: what people used this month, of which the hub shows each person the own part."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract import Meets, Reader, check, validate
from labhub.exchange.usage import Used
from places import hub_file, hub_sources
from writers import put, used

PATH = "etc/labserver/hub/usage.json"
READERS = [Reader("labhub/exchange", hub_file(lambda sources: sources.usage), Meets.KEEPS, Meets.KEEPS)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, used(), PATH, "usage")


def test_what_is_written_fits_the_schema() -> None:
    validate(used(), PATH, "usage")


def test_people_are_shown_this_month_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, used())
    found = hub_sources(tmp_path).usage.current()
    assert found.of("mira", "2026-11") == Used(72.0, 120.0, 48.0, 24.0, 3 << 29)
    assert found.of("jonas", "2026-11") == Used(0, 0, 0, 0, 7)
    assert found.of("carla", "2026-11") is None and found.of("mira", "2026-12") is None, "an old file tells nothing"
