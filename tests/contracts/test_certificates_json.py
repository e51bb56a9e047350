# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificates.json, twice: what the role wants (only root reads it), and how all stands (for status and pages)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import model, state
from ansible_collections.labserver.jupyter.plugins.module_utils._status import overview
from contract import Meets, Reader, check, reading, validate, without_new_key
from writers import certificates, put

WANTED = "etc/labserver/certificates.json"
STATE = "var/lib/labserver/certificates.json"


def entries(root: Path) -> list[Any]:
    found: list[Any] = without_new_key([asdict(entry) for entry in model.load(root).entries])
    return found


def rows(root: Path) -> list[dict[str, Any]]:
    """As ``labserver status`` shows them."""
    return overview.certificates(root, datetime(2026, 11, 28, tzinfo=UTC))


def states(root: Path) -> dict[str, Any]:
    return {name: asdict(one) for name, one in state.read(root).items()}


WANTED_READERS = [Reader("_certificates", reading(entries), missing=Meets.REFUSES)]
# The state can be made again: the next renewal looks at the certificates themselves.
READERS = [
    Reader("_certificates", reading(states), bad=Meets.LEAVES_OUT, nothing={}),
    Reader("_status", reading(rows), bad=Meets.LEAVES_OUT, nothing=[]),
]


@pytest.mark.parametrize("reader", WANTED_READERS, ids=lambda reader: reader.room)
def test_readers_of_what_is_wanted_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, certificates(), WANTED, "certificates-config")


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_of_the_state_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, certificates(), STATE, "certificates")


def test_what_is_written_fits_the_schemas() -> None:
    validate(certificates(), WANTED, "certificates-config")
    validate(certificates(), STATE, "certificates")


def test_the_program_gets_what_the_role_wants(tmp_path: Path) -> None:
    put(tmp_path, certificates())
    (entry,) = model.load(tmp_path).entries
    assert (entry.name, entry.names, entry.source) == ("server", ("hub.lab.example.org", "192.0.2.7"), "self_signed")
    assert [target.name for target in entry.targets] == ["broker"]


def test_status_shows_what_the_renewal_left(tmp_path: Path) -> None:
    put(tmp_path, certificates())
    (row,) = rows(tmp_path)
    assert (row["certificate"], row["names"]) == ("server", ["hub.lab.example.org", "192.0.2.7"])
    assert (row["source"], row["level"], row["served"]) == ("self_signed", "ok", "unknown")
    left = row["days_left"]
    assert isinstance(left, float) and left > 30
