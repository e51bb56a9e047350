# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lab.json: what the inventory says of the lab, on the hub's pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract import Meets, Reader, check, validate
from places import hub_file, hub_sources
from writers import PUBLIC, lab, put

PATH = f"{PUBLIC}/lab.json"
READERS = [Reader("labhub/exchange", hub_file(lambda sources: sources.lab), Meets.KEEPS, Meets.KEEPS)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, lab(), PATH, "lab")


def test_what_is_written_fits_the_schema() -> None:
    validate(lab(), PATH, "lab")


def test_the_pages_get_what_the_inventory_says(tmp_path: Path) -> None:
    put(tmp_path, lab())
    found = hub_sources(tmp_path).lab.current()
    assert (found.name, found.contact, found.colour) == ("Laboratory for Surfaces", "Rita Vega, room 2.14", "#0a7f5a")
    assert found.language == "de"
    assert found.help == "Data is in /mnt/data.\nNotebooks are yours."
    assert (found.logo_type, found.logo) == ("image/svg+xml", b"<svg/>")
    wiki, beam = found.links
    assert wiki.shown_to([]) and not beam.shown_to(["xps"]) and beam.shown_to(["leem"])
    assert (beam.url, beam.description) == ("/beam", "Book the microscope")
