# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages to people: who reads them and for how long."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from labhub.exchange.announcements import parse_announcements
from labhub.exchange.file import ExchangeFile
from labhub.exchange.roster import Roster, parse_roster
from labhub.portal import messages
from labhub.portal.board import Board

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def board(path: Path) -> Board:
    roster = ExchangeFile(Path("/no/such/roster.json"), parse_roster, Roster())
    return Board((ExchangeFile(path, parse_announcements, ()),), roster)


def texts(path: Path, name: str | None, now: datetime.datetime = NOW) -> list[str]:
    return [one["text"] for one in board(path).shown(now, name, ())]


def test_a_message_is_read_by_whom_it_is_for_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "messages.json"
    messages.tell(path, ["bob", "alice"], "Please stop\nbob\x1b[2J", "rita", 24, NOW)
    assert texts(path, "bob") == texts(path, "alice") == ["Please stop bob?[2J"]
    assert texts(path, "carol") == texts(path, None) == []
    assert texts(path, "bob", NOW + 25 * HOUR) == []


def test_the_same_words_are_said_once_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "messages.json"
    for hour in range(3):
        messages.tell(path, ["bob"], "one", "rita", 24, NOW + hour * HOUR)
    messages.tell(path, ["bob"], "two", "rita", 1, NOW + 3 * HOUR)
    assert sorted(texts(path, "bob", NOW + 3 * HOUR)) == ["one", "two"]
    assert texts(path, "bob", NOW + 20 * HOUR) == ["one"]


def test_a_visit_is_told_to_the_owner_once_for_each_visitor(tmp_path: Path) -> None:
    path = tmp_path / "messages.json"
    for who in ("Rita Vega (rita)", "Rita Vega (rita)", "x{0}{who} (y)"):
        messages.visited(path, "bob", who, NOW)
    found = sorted(texts(path, "bob"))
    assert len(found) == 2 and found[0].startswith("Rita Vega (rita) opened your server at 2026-11-20 ")
    assert found[1].startswith("x{0}{who} (y) opened your server at ")
    assert texts(path, "rita") == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"announcements": [{"text": "x"}]}'])
def test_a_damaged_file_is_no_obstacle(tmp_path: Path, content: str) -> None:
    path = tmp_path / "messages.json"
    path.write_text(content)
    messages.tell(path, ["bob"], "one", "rita", 24, NOW)
    assert texts(path, "bob") == ["one"]


def test_messages_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "messages.json"
    for number in range(messages.MOST + 5):
        messages.tell(path, ["bob"], f"{number} " + "x" * 2000, "rita", 10_000, NOW)
    found = texts(path, "bob")
    assert len(found) == messages.MOST and max(map(len, found)) == messages.LONGEST
    assert texts(path, "bob", NOW + messages.LONGEST_HOURS * HOUR + HOUR) == []
