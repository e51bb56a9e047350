# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""retirement.json: people are told the day from which on the hub starts nothing; gone, the server stays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from contract import Meets, Reader, check, validate
from labhub.portal.board import Board
from places import hub_file, hub_sources
from writers import PUBLIC, put, retirement

PATH = f"{PUBLIC}/retirement.json"
READERS = [Reader("labhub/exchange", hub_file(lambda sources: sources.retirement), Meets.KEEPS, Meets.KEEPS)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, retirement(), PATH, "retirement")


def test_what_is_written_fits_the_schema() -> None:
    validate(retirement(), PATH, "retirement")


def test_everybody_reads_it_until_it_is_taken_back(tmp_path: Path) -> None:
    put(tmp_path, retirement())
    sources = hub_sources(tmp_path)
    board = Board(sources.announcements, sources.roster, sources.retiring)
    (told,) = board.shown(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    assert told["severity"] == "danger"
    assert "out of service on 2026-12-15; from then on" in told["text"] and "Rita Vega, room 2.14" in told["text"]
    (tmp_path / PATH).unlink()
    assert board.shown(datetime(2026, 11, 20, 12, 0, tzinfo=UTC)) == []
    assert sources.retiring() is None


@pytest.mark.parametrize(("today", "come"), [("2026-12-14", False), ("2026-12-15", True), ("2027-01-01", True)])
def test_the_day_itself_is_the_first_without_a_start(tmp_path: Path, today: str, come: bool) -> None:
    put(tmp_path, retirement())
    found = hub_sources(tmp_path).retiring()
    assert found is not None and found.has_come(date.fromisoformat(today)) is come
