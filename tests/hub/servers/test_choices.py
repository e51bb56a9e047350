# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people started is written down, and the registry's retention reads it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from labhub.exchange.images import Image
from labhub.servers import choices

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def image(tag: str) -> Image:
    digest = "sha256:" + tag.rjust(64, "0")
    return Image("leem/analysis", tag, digest, f"127.0.0.1:5000/leem/analysis@{digest}", "LEEM")


def found(path: Path) -> dict[str, tuple[str, str]]:
    """Return the last choice of each person."""
    listed = sorted(json.loads(path.read_text())["choices"], key=lambda one: one["at"])
    return {one["user"]: (one["tag"], one["at"]) for one in listed}


def of(path: Path, user: str) -> list[tuple[str, str]]:
    return [(one["tag"], one["at"][:10]) for one in json.loads(path.read_text())["choices"] if one["user"] == user]


def test_who_tries_another_image_can_come_back_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / choices.FILE
    choices.note(path, "bob", image("1"), NOW)
    choices.note(path, "bob", image("2"), NOW + DAY)
    choices.renew(path, "bob", NOW + 2 * DAY)
    assert of(path, "bob") == [("2", "2026-11-22"), ("1", "2026-11-20")]
    choices.note(path, "bob", image("1"), NOW + 3 * DAY)
    assert of(path, "bob") == [("1", "2026-11-23"), ("2", "2026-11-22")]


def test_a_person_who_starts_very_many_images_does_not_fill_the_file(tmp_path: Path) -> None:
    path = tmp_path / choices.FILE
    choices.note(path, "alice", image("1"), NOW)
    for number in range(choices.KEPT_EACH + 5):
        choices.note(path, "bob", image(str(number)), NOW + number * DAY)
    assert [tag for tag, _day in of(path, "bob")] == [str(number) for number in range(choices.KEPT_EACH + 4, 4, -1)]
    assert of(path, "alice") == [("1", "2026-11-20")]


def test_what_each_person_started_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / choices.FILE
    choices.note(path, "bob", image("1"), NOW)
    choices.note(path, "alice", image("1"), NOW)
    choices.note(path, "bob", image("2"), NOW + DAY)
    assert found(path) == {"alice": ("1", "2026-11-20T12:00:00+00:00"), "bob": ("2", "2026-11-21T12:00:00+00:00")}
    entry = next(one for one in json.loads(path.read_text())["choices"] if one["user"] == "bob")
    assert (entry["repository"], entry["digest"]) == ("leem/analysis", image("2").digest)


def test_a_server_that_ran_for_long_was_used_until_it_ended(tmp_path: Path) -> None:
    path = tmp_path / choices.FILE
    choices.note(path, "bob", image("1"), NOW)
    choices.renew(path, "bob", NOW + 100 * DAY)
    choices.renew(path, "nobody", NOW + 100 * DAY)
    assert found(path) == {"bob": ("1", "2027-02-28T12:00:00+00:00")}


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / choices.FILE
    choices.note(path, "long-gone", image("1"), NOW)
    choices.note(path, "bob", image("1"), NOW + 900 * DAY)
    assert list(found(path)) == ["bob"]


@pytest.mark.parametrize("content", [None, "", "[]", '{"version": 2}', '{"version": 1, "choices": [{}]}'])
def test_a_missing_or_broken_file_is_made_from_the_database(tmp_path: Path, content: str | None) -> None:
    """Without it the registry would remove nothing, or what people come back to."""
    path = tmp_path / choices.FILE
    if content is not None:
        path.write_text(content)
        with pytest.raises(ValueError):
            choices.note(path, "alice", image("3"), NOW)
        assert path.read_text() == content, "what cannot be read is not thrown away by a start"
    assert choices.prepare(path, [("bob", image("1"))], NOW)
    assert found(path) == {"bob": ("1", "2026-11-20T12:00:00+00:00")}
    assert not choices.prepare(path, [("bob", image("2"))], NOW)
    assert found(path)["bob"][0] == "1"
