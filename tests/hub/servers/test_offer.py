# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images a person is offered, and which of them a choice means."""

from __future__ import annotations

import pytest
from labhub.exchange.images import Image, parse_images
from labhub.exchange.roster import parse_roster
from labhub.servers.offer import choose, offered
from samples import image_document, images_document, roster_document


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


def test_the_newest_tag_of_a_repository_comes_first() -> None:
    document = images_document()
    document["images"].append(image_document(tag="0.9", created="2026-11-20T10:00:00Z"))
    person = parse_roster(roster_document()).people["alice"]
    image = choose(parse_images(document), person, "notebook", "notebook")
    assert image is not None
    assert image.tag == "0.9"
