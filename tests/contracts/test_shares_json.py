# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shares.json: the shared folders, from the role ``shares`` to the hub and its guard."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import host
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from contract import Meets, Reader, check, reading, validate
from labhub.exchange.shares import shares_of
from places import hub_file, hub_sources
from writers import PUBLIC, people, put, shares

PATH = f"{PUBLIC}/shares.json"
NO_SHARES = "/no/shares"


def shares_root(root: Path) -> str:
    """As the module ``hub_preflight`` asks for it."""
    path = root / PATH
    return host.shares_root(path.read_bytes() if path.exists() else None, NO_SHARES)


READERS = [
    Reader("labhub/exchange", hub_file(lambda sources: sources.shares), Meets.KEEPS, Meets.KEEPS),
    Reader("modules/hub_preflight", reading(shares_root), nothing=NO_SHARES),
    Reader("_status", reading(rooms.shares), nothing=[]),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, shares(), PATH, "shares")


def test_what_is_written_fits_the_schema() -> None:
    validate(shares(), PATH, "shares")


def test_the_hub_gives_people_the_shares_of_their_groups(tmp_path: Path) -> None:
    put(tmp_path, {**people(), **shares()})
    sources = hub_sources(tmp_path)
    known, roster = sources.shares.current(), sources.roster.current()
    rights = {
        name: {share.name: right for share, right in shares_of(person, known)} for name, person in roster.people.items()
    }
    assert rights == {
        "mira": {"data": "rw", "manuals": "ro"},
        "jonas": {"data": "ro", "manuals": "ro"},
        "carla": {"manuals": "ro"},
        "room-physics": {"data": "ro", "manuals": "ro"},
    }
    data, manuals = known
    assert (data.bind, data.mount_point, data.path) == (
        "/srv/labserver/shares/data", "/srv/labserver/shares/data/files", "/mnt/data"
    )  # fmt: skip
    assert (data.when_absent, manuals.when_absent) == ("refuse", "without")


def test_the_guard_is_given_the_folder_above_all_shares(tmp_path: Path) -> None:
    put(tmp_path, shares())
    folder = shares_root(tmp_path)
    assert folder == "/srv/labserver/shares"
    assert all(share.bind.startswith(f"{folder}/") for share in hub_sources(tmp_path).shares.current())
