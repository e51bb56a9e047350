# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""choices.json: which image each person started last, from the hub to the registry that keeps it for a while."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import protect
from contract import Meets, Reader, check, reading, validate
from image_writers import catalogue, choices
from labhub.exchange.images import parse_images
from labhub.servers import choices as hub_choices
from places import uses
from writers import DIGEST, NOW, put

PATH = "srv/labserver/hub/state/choices.json"
LATER = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def kept(root: Path) -> list[Any]:
    return uses(choices=root / PATH)


def names_after_another_start(root: Path) -> list[str]:
    """The hub reads what it wrote whenever somebody starts a server."""
    before = (root / PATH).read_bytes() if (root / PATH).exists() else None
    image = parse_images(json.loads(catalogue()["var/lib/labserver/catalogue/images.json"]))[0]
    try:
        hub_choices.note(root / PATH, "carla", image, LATER)
        return [choice["user"] for choice in json.loads((root / PATH).read_bytes())["choices"]]
    finally:
        (root / PATH).unlink(missing_ok=True)
        if before is not None:
            (root / PATH).write_bytes(before)


READERS = [
    Reader("_registry", reading(kept), nothing=[]),
    Reader("labhub/servers", reading(names_after_another_start), missing=Meets.LEAVES_OUT, nothing=["carla"]),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, choices(), PATH, "choices")


def test_what_is_written_fits_the_schema() -> None:
    validate(choices(), PATH, "choices")


def test_the_registry_keeps_what_people_chose_for_as_long_as_it_is_told(tmp_path: Path) -> None:
    put(tmp_path, choices())
    told = [("lab1", kept(tmp_path))]
    assert DIGEST in protect.gather(in_use=told, chosen_since=NOW.timestamp() - 60).digests
    assert DIGEST not in protect.gather(in_use=told, chosen_since=NOW.timestamp() + 60).digests
