# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shares-status.json: how the shares are, for people and for whoever watches a lab server from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from contract import Meets, Reader, check, reading, validate
from places import hub_file, hub_sources
from writers import PUBLIC, put, shares

PATH = f"{PUBLIC}/shares-status.json"


def levels(root: Path) -> dict[str, str]:
    """As ``labserver status`` shows them."""
    return {row["share"]: row["level"] for row in rooms.shares(root)}


READERS = [
    Reader("labhub/exchange", hub_file(lambda sources: sources.shares_status), Meets.KEEPS, Meets.KEEPS),
    Reader("_status", reading(levels), nothing={"data": "unknown", "manuals": "unknown"}),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, shares(), PATH, "shares-status")


def test_the_first_page_gets_states_and_reasons(tmp_path: Path) -> None:
    put(tmp_path, shares())
    found = hub_sources(tmp_path).shares_status.current()
    assert {name: one.state for name, one in found.items()} == {"data": "ok", "manuals": "critical"}
    assert found["manuals"].reason


def test_what_is_written_fits_the_schema() -> None:
    validate(shares(), PATH, "shares-status")


def test_it_speaks_of_the_shares_of_shares_json() -> None:
    states, known = (json.loads(shares()[path])["shares"] for path in (PATH, f"{PUBLIC}/shares.json"))
    assert sorted(states) == sorted(known)
    assert {name: share["state"] for name, share in states.items()} == {"data": "ok", "manuals": "critical"}
    assert all(bool(share["reason"]) == (share["state"] != "ok") for share in states.values())
