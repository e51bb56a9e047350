# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images a person is offered, and which of them a choice means."""

from __future__ import annotations

import datetime

import pytest
from labhub.exchange.images import Image, parse_images
from labhub.exchange.roster import parse_roster
from labhub.servers.form import options_form
from labhub.servers.offer import choose, offered, withheld
from samples import (
    DIGEST,
    OTHER_DIGEST,
    image_document,
    images_document,
    roster_document,
)


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
    assert "<ul class='text-break'>" in page, "a long reason does not widen the page of a phone"
    assert options_form(offered(images, people["alice"], "notebook"), None, (), now) == "", "one image is no choice"


def test_the_form_tells_what_changed_in_an_image() -> None:
    document = images_document()
    document["images"][0]["changes"] = {
        "since": "notebook:<0>",
        "summary": "a 1 -> 2, 1 new",
        "lines": ["a 1 -> 2", "<b>"],
    }
    images = parse_images(document)
    page = options_form(images, images[0], (), datetime.datetime.now(datetime.UTC))
    assert "<code>notebook:&lt;0&gt;</code>: a 1 -&gt; 2, 1 new</small></summary>" in page
    assert "<li>a 1 -&gt; 2</li><li>&lt;b&gt;</li>" in page and page.count("class='changes") == 1


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
