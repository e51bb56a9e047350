# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fullness.json: whose home is nearly full, told on the hub's pages and in JupyterLab to those people alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import homes
from contract import Meets, Reader, check, reading, validate
from labhub.exchange.homes import Home
from labhub.portal.board import Board
from places import hub_file, hub_sources
from writers import PUBLIC, nearly_full, put

PATH = f"{PUBLIC}/fullness.json"
DURING, AFTER = datetime(2026, 11, 20, 12, 5, tzinfo=UTC), datetime(2026, 11, 20, 12, 20, tzinfo=UTC)

READERS = [
    Reader("labhub/exchange", hub_file(lambda sources: sources.announcements[2]), Meets.KEEPS, Meets.KEEPS),
    Reader("labhub/portal", hub_file(lambda sources: sources.homes), Meets.KEEPS, Meets.KEEPS),
    Reader("_status", reading(lambda root: homes.read(root, DURING.timestamp())), nothing=[]),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, nearly_full(), PATH, "fullness")


def test_what_is_written_fits_the_schema() -> None:
    validate(nearly_full(), PATH, "fullness")


def test_each_is_told_of_the_own_home_alone(tmp_path: Path) -> None:
    put(tmp_path, nearly_full())
    sources = hub_sources(tmp_path)
    board = Board(sources.announcements, sources.roster)
    (mira,) = board.shown(DURING, "mira", ())
    assert mira["severity"] == "warning" and mira["text"].startswith(
        "Your home is 93% full: 7.0 MiB of 100 MiB are left."
    )
    (jonas,) = board.shown(DURING, "jonas", ())
    assert jonas["severity"] == "danger" and jonas["text"].startswith(
        "The disk with the homes is 99% full: 1.0 GiB of "
    )
    assert board.shown(DURING, "carla", ()) == [] and board.shown(DURING) == []
    assert board.shown(AFTER, "mira", ()) == [], "it ends by itself when nothing renews it"


def test_the_hub_knows_what_is_in_a_home(tmp_path: Path) -> None:
    put(tmp_path, nearly_full())
    assert hub_sources(tmp_path).homes.current() == {"mira": Home(93 << 20, 100 << 20)}


def test_the_status_sets_what_is_in_a_home_against_the_quota(tmp_path: Path) -> None:
    put(tmp_path, nearly_full())
    (row,) = homes.read(tmp_path, DURING.timestamp())
    assert row["days_left"] is None, "nothing is recorded"
    assert (row["person"], row["used_bytes"], row["limit_bytes"]) == ("mira", 93 << 20, 100 << 20)
