# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Announcements: who sees what, and when."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from labhub.exchange.announcements import Announcement, parse_announcements
from labhub.exchange.file import ExchangeFile
from labhub.exchange.roster import Roster, parse_roster
from labhub.portal.board import Board, farewell
from samples import roster_document

NOON = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
FILE = {
    "version": 1,
    "announcements": [
        {"text": "for all"},
        {"text": "past", "until": "2026-11-20T11:59:00Z"},
        {"text": "to come", "from": "2026-11-20T12:01:00+00:00"},
        {"text": "now", "from": "2026-11-20T11:00:00Z", "until": "2026-11-20T13:00:00Z", "severity": "danger"},
        {"text": "for leem", "groups": ["leem"], "severity": "warning"},
    ],
}


def no_roster(folder: Path) -> ExchangeFile[Roster]:
    """Return a roster that is not there."""
    return ExchangeFile(folder / "roster.json", parse_roster, Roster())


@pytest.fixture
def board(tmp_path: Path) -> Board:
    path = tmp_path / "announcements.json"
    path.write_text(json.dumps(FILE))
    empty: tuple[Announcement, ...] = ()
    return Board((ExchangeFile(path, parse_announcements, empty),), no_roster(tmp_path))


def texts(board: Board, *args: object) -> list[str]:
    return [one["text"] for one in board.shown(NOON, *args)]  # type: ignore[arg-type]


def test_time_and_groups_decide_and_the_gravest_comes_first(board: Board) -> None:
    assert texts(board) == ["now", "for all"]
    assert texts(board, "bob", ("xps",)) == ["now", "for all"]
    assert texts(board, "alice", ("leem",)) == ["now", "for leem", "for all"]


def test_words_for_one_person_reach_nobody_else(board: Board) -> None:
    board.personal["alice"] = Announcement("you are idle", "warning", stay=True)
    assert "you are idle" in texts(board, "alice", ())
    assert "you are idle" not in texts(board, "bob", ())
    assert "you are idle" not in texts(board)


def test_what_was_taken_away_is_no_longer_said(tmp_path: Path) -> None:
    path = tmp_path / "maintenance.json"
    board = Board((ExchangeFile(path, parse_announcements, ()),), no_roster(tmp_path))
    assert texts(board) == []
    path.write_text(json.dumps({"version": 1, "announcements": [{"text": "the hub is being updated"}]}))
    assert texts(board) == ["the hub is being updated"]
    path.write_text('{"version": 1, "announ')
    assert texts(board) == ["the hub is being updated"], "half written"
    path.unlink()
    assert texts(board) == []


@pytest.mark.parametrize(
    ("expires", "told"),
    [
        (None, None),
        ("2026-11-19", None),  # over: they do not get in any more
        ("2026-11-20", ("danger", "(today)")),
        ("2026-11-21", ("danger", "(tomorrow)")),
        ("2026-11-27", ("warning", "(in 7 days)")),
        ("2026-11-28", ("info", "(in 8 days)")),
        ("2026-12-04", ("info", "ends after 2026-12-04 (in 14 days)")),
        ("2026-12-05", None),
    ],
)
def test_who_has_to_leave_is_told_in_time(expires: str | None, told: tuple[str, str] | None) -> None:
    found = farewell(datetime.date.fromisoformat(expires) if expires else None, NOON.date(), 14)
    assert (found is None) == (told is None)
    if found and told:
        assert found.values is not None
        assert (found.severity, told[1] in found.text.format(**found.values)) == (told[0], True)


def test_the_hub_tells_it_to_that_person_alone(board: Board, tmp_path: Path) -> None:
    document = roster_document()
    soon = datetime.datetime.now().astimezone().date() + datetime.timedelta(days=20)
    document["users"]["alice"]["expires"] = soon.isoformat()
    path = tmp_path / "roster.json"

    def last_days(name: str) -> list[str]:
        return [one["text"] for one in board.for_user(SimpleNamespace(name=name)) if "access ends" in one["text"]]

    path.write_text(json.dumps(document))
    assert last_days("alice") == [], "two weeks are the usual notice"
    path.write_text(json.dumps({**document, "expiry_notice_days": 30}))
    assert [str(soon) in text for text in last_days("alice")] == [True]
    assert last_days("carol") == []
    assert last_days("unknown") == []
    assert [one for one in board.for_user(None) if "access ends" in one["text"]] == []


@pytest.mark.parametrize(
    "entry", [{"text": "x", "severity": "shout"}, {"text": "x", "from": "soon"}, {"severity": "info"}]
)
def test_a_wrong_file_is_refused_as_a_whole(entry: dict[str, str]) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse_announcements({"version": 1, "announcements": [entry]})
