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
from labhub import server
from labhub.exchange import ExchangeFile
from labhub.form import options_form
from labhub.images import Image, choose, offered, parse_images, withheld
from labhub.roster import Roster, parse_roster
from labhub.settings import Settings, parse
from labhub.shares import parse_shares, shares_of
from samples import (
    DIGEST,
    OTHER_DIGEST,
    TODAY,
    image_document,
    images_document,
    roster_document,
    shares_document,
    world,
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


def names(images: list[Image]) -> list[str]:
    return [image.name for image in images]


def test_offered_images_depend_on_groups_patterns_and_state() -> None:
    people, images = parse_roster(roster_document()).people, parse_images(images_document())
    assert names(offered(images, people["alice"], "notebook")) == ["notebook:1.0"]
    assert names(offered(images, people["mary-ann"], "notebook")) == ["notebook:1.0", "steps:1.0"]
    assert names(offered(images, people["mary-ann"], "steps:1.0")) == ["steps:1.0", "notebook:1.0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(None, "notebook:1.0"), ("steps", "steps:1.0"), ("steps:1.0", "steps:1.0"), ("notebook:2.0", None),
     ("docker.io/library/alpine", None), ("", "notebook:1.0")],
)  # fmt: skip
def test_choice_of_an_image(wanted: str | None, found: str | None) -> None:
    person = parse_roster(roster_document()).people["mary-ann"]
    image = choose(parse_images(images_document()), person, wanted, "notebook")
    assert (image.name if image else None) == found


def test_who_pushed_an_image_sees_why_it_is_not_offered() -> None:
    people, images = parse_roster(roster_document()).people, parse_images(images_document())
    mine = withheld(images, people["alice"])
    now = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)
    page = options_form(offered(images, people["alice"], "notebook"), None, (), now, mine)
    assert "<code>notebook:2.0</code>: jupyterhub-singleuser cannot start in it" in page
    assert options_form(offered(images, people["alice"], "notebook"), None, (), now) == "", "one image is no choice"


def test_tags_that_differ_only_in_case_are_two_images() -> None:
    document = images_document()
    document["images"] = [image_document(tag=tag, digest=digest, reference=f"127.0.0.1:5000/notebook@{digest}")
                          for tag, digest in (("Big", DIGEST), ("big", OTHER_DIGEST))]  # fmt: skip
    images, person = parse_images(document), parse_roster(roster_document()).people["alice"]
    for tag, digest in (("Big", DIGEST), ("big", OTHER_DIGEST)):
        image = choose(images, person, f"notebook:{tag}", "notebook")
        assert image is not None
        assert image.digest == digest
        page = options_form(images, image, (), datetime.datetime.now(datetime.UTC))
        assert page.count(" checked") == 1
        assert f"value='notebook:{tag}' checked" in page


def test_the_newest_tag_of_a_repository_comes_first() -> None:
    document = images_document()
    document["images"].append(image_document(tag="0.9", created="2026-11-20T10:00:00Z"))
    person = parse_roster(roster_document()).people["alice"]
    image = choose(parse_images(document), person, "notebook", "notebook")
    assert image is not None
    assert image.tag == "0.9"


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


def test_links_that_another_start_makes_at_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = world(links_folder=str(tmp_path / "links"))
    shares = shares_of(lab.roster.people["alice"], lab.shares)
    make = Path.symlink_to

    def overtaken(self: Path, target: str) -> None:
        make(self, target)
        make(self, target)

    monkeypatch.setattr(Path, "symlink_to", overtaken)
    server.write_links(lab.settings, shares)
    made = {str(link.readlink()) for link in (tmp_path / "links").glob("*/*")}
    assert made == {share.mount_point for share, _right in shares}
