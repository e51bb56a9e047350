# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""published.json: what the host's job made of people's builds, for the hub that asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_writers import published
from contract import Meets, Reader, check, validate
from labhub.builds.outcome import TEXTS
from labhub.exchange.published import Published
from places import hub_file, hub_sources
from writers import DIGEST, put

PATH = "etc/labserver/hub/published.json"
READERS = [Reader("labhub/exchange", hub_file(lambda sources: sources.published), Meets.KEEPS, Meets.KEEPS)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, published(), PATH, "published")


def test_what_is_written_fits_the_schema_whose_reasons_the_hub_has_words_for() -> None:
    (document,) = validate(published(), PATH, "published")
    assert {one["reason"] for one in document["results"].values()} - {"ok", "removed"} <= set(TEXTS)
    assert {"archive", "refused", "registry"} <= set(TEXTS)


def test_the_hub_hears_what_became_of_a_build(tmp_path: Path) -> None:
    put(tmp_path, published())
    found = hub_sources(tmp_path).published.current()
    assert found["1" * 12] == Published("ok", "", DIGEST)
    assert found["2" * 12] == Published("archive", "'x' is a device", "")
