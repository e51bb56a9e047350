# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange files: what is read, and what happens to a file that is not as it should be."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from labhub.exchange.file import ExchangeFile
from labhub.exchange.images import parse_images
from labhub.exchange.roster import Roster, parse_roster
from labhub.exchange.settings import Settings, parse
from labhub.exchange.shares import parse_shares, shares_of
from samples import (
    TODAY,
    images_document,
    roster_document,
    shares_document,
)


def replace(path: Path, text: str) -> None:
    """Replace a file as its writers do."""
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


@pytest.fixture
def roster_file(tmp_path: Path) -> ExchangeFile[Roster]:
    return ExchangeFile(tmp_path / "roster.json", parse_roster, Roster())


def test_a_change_is_seen_at_the_next_look(roster_file: ExchangeFile[Roster]) -> None:
    assert roster_file.current().people == {}
    document = roster_document()
    replace(roster_file.path, json.dumps(document))
    assert sorted(roster_file.current().people) == ["alice", "carol", "mary-ann"]
    del document["users"]["carol"]
    replace(roster_file.path, json.dumps(document))
    assert sorted(roster_file.current().people) == ["alice", "mary-ann"]


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"version": 2, "users": {}, "groups": {}}', "[]", '{"version": 1}',
     '{"version": 1, "users": {"eve": {"uid": 1}}}', '{"version": 1, "users": {"eve": null}}'],
)  # fmt: skip
def test_a_bad_file_counts_as_unchanged(roster_file: ExchangeFile[Roster], text: str) -> None:
    replace(roster_file.path, json.dumps(roster_document()))
    good = roster_file.current()
    replace(roster_file.path, text)
    assert roster_file.current() is good
    assert "roster.json" in roster_file.problem
    replace(roster_file.path, json.dumps(roster_document()))
    assert roster_file.current() == good
    assert roster_file.problem == ""


def test_a_file_that_disappears_counts_as_unchanged(roster_file: ExchangeFile[Roster]) -> None:
    replace(roster_file.path, json.dumps(roster_document()))
    good = roster_file.current()
    roster_file.path.unlink()
    assert roster_file.current() is good


@pytest.mark.parametrize("damage", ["", '{"version": 1, "users"'])
def test_the_last_good_version_survives_a_restart(tmp_path: Path, damage: str) -> None:
    def start() -> ExchangeFile[Roster]:
        return ExchangeFile(tmp_path / "roster.json", parse_roster, Roster(), keep=tmp_path / "kept.json")

    assert (start().current().people, start().known) == ({}, False), "there never was one"
    replace(tmp_path / "roster.json", json.dumps(roster_document()))
    assert start().current().people
    replace(tmp_path / "roster.json", damage)
    again = start()
    assert sorted(again.current().people) == ["alice", "carol", "mary-ann"]
    assert again.known
    document = roster_document()
    del document["users"]["carol"]
    replace(tmp_path / "roster.json", json.dumps(document))
    assert sorted(again.current().people) == ["alice", "mary-ann"], "and the file counts as soon as it is whole"
    assert sorted(start().current().people) == ["alice", "mary-ann"]


def test_a_disk_that_is_full_costs_the_copy_and_nothing_else(tmp_path: Path) -> None:
    replace(tmp_path / "roster.json", json.dumps(roster_document()))
    file = ExchangeFile(tmp_path / "roster.json", parse_roster, Roster(), keep=tmp_path / "no such folder" / "kept")
    assert sorted(file.current().people) == ["alice", "carol", "mary-ann"]


def test_who_may_enter() -> None:
    people = parse_roster(roster_document()).people
    assert people["alice"].refusal(TODAY) == ""
    assert people["mary-ann"].refusal(TODAY) == "", "the last day counts"
    assert people["mary-ann"].refusal(TODAY + datetime.timedelta(days=1)) == "the account expired on 2026-11-20"
    assert people["carol"].refusal(TODAY) == "the account is locked"


def test_rights_on_shares_add_up() -> None:
    roster = parse_roster(roster_document())
    shares = parse_shares(shares_document())
    rights = {
        name: {share.name: right for share, right in shares_of(person, shares)}
        for name, person in roster.people.items()
    }
    assert rights == {
        "alice": {"data": "rw", "scratch": "ro"},
        "mary-ann": {"data": "ro", "scratch": "ro"},
        "carol": {"scratch": "ro"},
    }


def test_a_reference_without_digest_is_refused() -> None:
    document = images_document()
    document["images"][0]["reference"] = "127.0.0.1:5000/notebook:latest"
    with pytest.raises(ValueError, match="digest"):
        parse_images(document)


def test_settings_name_all_that_is_wrong() -> None:
    raw: dict[str, Any] = {"version": 1, "cpu": 2, "pids": "many", "colour": "red"}
    with pytest.raises(ValueError, match=r"pids: 'many' is not of type int; unknown key colour"):
        parse(raw)
    assert parse({"version": 1, "cpu": 2, "homes_folders": ["/a", "/b"]}) == Settings(
        cpu=2.0, homes_folders=("/a", "/b")
    )
