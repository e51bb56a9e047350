# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status files of jobs: how the last run went, for the next run, the watch and ``labserver status``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor import handle, read_files
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import status
from ansible_collections.labserver.jupyter.plugins.module_utils._status import overview
from contract import Meets, Reader, check, reading, validate
from writers import JOBS, NOW, jobs, put

FOLDER = "var/lib/labserver/jobs"
PATH = f"{FOLDER}/tidy.json"


def last_run(root: Path) -> dict[str, Any]:
    return asdict(status.read(root, "tidy"))


def row(root: Path) -> list[Any]:
    """As ``labserver status`` shows it."""
    (found,) = [found for found in overview.overview(root, NOW) if found["job"] == "tidy"]
    return [found[key] for key in ("level", "message", "last_run", "last_success")]


def for_the_doctor(root: Path) -> list[Any]:
    """As the doctor looks at the job of the backup."""
    (found,) = read_files.of_lab_server(handle.World(root=root, now=NOW.timestamp), "tidy")
    return [found.problem]


# The file can be made again by the next run: what cannot be read counts as a job that never ran.
READERS = [
    Reader("_schedule", reading(last_run), bad=Meets.LEAVES_OUT, nothing=asdict(status.Status("tidy"))),
    Reader("_doctor", reading(for_the_doctor), bad=Meets.LEAVES_OUT, nothing=[""]),
    Reader("_status", reading(row), bad=Meets.LEAVES_OUT, nothing=["never-run", "", "", ""]),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, jobs(), PATH, "jobs")


def test_what_is_written_fits_the_schema() -> None:
    assert len(validate(jobs(), f"{FOLDER}/*.json", "jobs")) == len(JOBS)


def test_the_next_run_and_status_know_how_the_last_one_went(tmp_path: Path) -> None:
    put(tmp_path, jobs())
    renew, tidy = (status.read(tmp_path, name) for name in ("renew", "tidy"))
    assert (renew.level, renew.exit_status, renew.failures) == ("ok", 0, 0)
    assert renew.last_success == renew.ended != ""
    assert (tidy.level, tidy.exit_status, tidy.failures, tidy.last_success) == ("critical", 2, 1, "")
    assert tidy.told["command"].level == "critical"
    levels = {found["job"]: found["level"] for found in overview.overview(tmp_path, NOW)}
    assert levels == {"renew": "ok", "tidy": "critical"}
