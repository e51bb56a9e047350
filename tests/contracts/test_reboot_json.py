# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""reboot.json: a restart of the host that is coming, on the hub's pages in the language of whoever reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._updates import announce
from contract import Meets, Reader, check, validate
from labhub.portal import board
from places import hub_file, hub_sources
from writers import PUBLIC, put, restart

PATH = f"{PUBLIC}/reboot.json"
READERS = [Reader("labhub/exchange", hub_file(lambda sources: sources.announcements[3]), Meets.KEEPS, Meets.KEEPS)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, restart(), PATH, "reboot")


def test_what_is_written_fits_the_schema() -> None:
    validate(restart(), PATH, "reboot")


def test_the_host_says_a_sentence_that_the_hub_can_translate() -> None:
    assert announce.TEXT == board.RESTART


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_it_is_shown_from_the_notice_on_and_in_red_in_the_last_hour(tmp_path: Path) -> None:
    put(tmp_path, restart())
    sources = hub_sources(tmp_path)
    shown = board.Board(sources.announcements, sources.roster).shown
    assert shown(at("2026-11-21T03:59Z")) == []
    (before,) = shown(at("2026-11-21T04:00:01Z"))
    assert before["severity"] == "warning" and "between 2026-11-22 " in before["text"]
    assert [one["severity"] for one in shown(at("2026-11-22T03:30Z"))] == ["danger"]
    assert [one["severity"] for one in shown(at("2026-11-22T05:59Z"))] == ["danger"]
    assert shown(at("2026-11-22T06:00:01Z")) == []
