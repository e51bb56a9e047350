# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""maintenance.json: what is announced while the hub is changed; gone, it announces nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import alarm
from contract import Meets, Reader, check, reading, validate
from labhub.portal.board import Board
from places import hub_file, hub_sources
from writers import PUBLIC, announcements, maintenance, put

PATH = f"{PUBLIC}/maintenance.json"
DURING, AFTER = datetime(2026, 11, 20, 12, 5, tzinfo=UTC), datetime(2026, 11, 20, 12, 15, tzinfo=UTC)


def in_maintenance(root: Path) -> bool:
    """The watch tells nobody of a hub that is being changed."""
    return alarm.in_maintenance(root, DURING)


READERS = [
    Reader("_status", reading(in_maintenance), bad=Meets.LEAVES_OUT, nothing=False),
    Reader(
        "labhub/exchange",
        hub_file(lambda sources: sources.announcements[1]),
        Meets.KEEPS,
        Meets.KEEPS,
    ),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, maintenance(), PATH, "maintenance")


def test_what_is_written_fits_the_schema() -> None:
    validate(maintenance(), PATH, "maintenance")


def test_it_is_shown_beside_the_other_announcements_until_it_ends_or_is_removed(tmp_path: Path) -> None:
    put(tmp_path, {**announcements(), **maintenance()})
    sources = hub_sources(tmp_path)
    board = Board(sources.announcements, sources.roster)
    assert [one["text"] for one in board.shown(DURING) if "updated" in one["text"]]
    assert board.shown(AFTER) == [], "what never is taken back ends by itself"
    (tmp_path / PATH).unlink()
    assert board.shown(DURING) == []
