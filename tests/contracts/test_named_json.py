# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""named.json: the images that the inventory names, which the registry keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from contract import Reader, check, reading, validate
from image_writers import named_images
from places import uses
from writers import put

PATH = "etc/labserver/images/named.json"


def kept(root: Path) -> list[Any]:
    return uses(named=root / PATH)


READERS = [Reader("_registry", reading(kept), nothing=[])]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, named_images(), PATH, "named")


def test_what_is_written_fits_the_schema() -> None:
    validate(named_images(), PATH, "named")


def test_the_registry_keeps_each_of_them(tmp_path: Path) -> None:
    put(tmp_path, named_images())
    assert [entry["references"] for entry in kept(tmp_path)] == [["notebook:1.0"], ["steps:1.0"]]
