# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""failures.json: what failed in the last days, counted by the runner of jobs and the watch over services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import history
from ansible_collections.labserver.jupyter.plugins.module_utils._status import failures
from contract import Meets, Reader, check, reading, validate
from writers import NOW, failures_of_days

PATH = history.PATH
NOTHING = {"days": 14, "rows": [], "left_out": 0, "times": {"job": 0, "service": 0, "start": 0}}


def shown(root: Path) -> dict[str, Any]:
    return failures.of_days(root, NOW)


READERS = [
    Reader("_schedule", reading(history.read), Meets.REFUSES, nothing=history.History({})),
    Reader("_status", reading(shown), Meets.REFUSES, nothing=NOTHING),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, failures_of_days(), PATH, "failures")


def test_what_is_written_fits_the_schema() -> None:
    (document,) = validate(failures_of_days(), PATH, "failures")
    assert [list(kinds) for kinds in document["days"].values()] == [["job", "service", "start"]] * 2
