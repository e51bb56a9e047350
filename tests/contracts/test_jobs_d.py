# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""jobs.d: what a server does regularly, from the roles that want it to runner, watch and ``labserver status``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import due, run
from ansible_collections.labserver.jupyter.plugins.module_utils._status import overview
from contract import Meets, Reader, check, reading, validate
from writers import JOBS, NOW, jobs, put

FOLDER = "etc/labserver/jobs.d"
PATH = f"{FOLDER}/renew.json"


def job(root: Path) -> dict[str, Any]:
    return asdict(run.load(run.World(root=root), "renew"))


def known(root: Path) -> list[dict[str, Any]]:
    """As the watch knows the jobs."""
    return [asdict(one) for one, _since in due.jobs(root) if one.name == "renew"]


def rows(root: Path) -> list[Any]:
    """As ``labserver status`` shows them; of one whose file is damaged it shows that instead, without a schedule."""
    columns = ("job", "description", "schedule", "next_due")
    shown = [row for row in overview.overview(root, NOW) if row["job"] == "renew" and row["schedule"]]
    return [[row[key] for key in columns] for row in shown]


READERS = [
    Reader("_schedule", reading(job), missing=Meets.REFUSES),
    # One damaged file must not keep the watch from looking at the other jobs.
    Reader("_schedule (all jobs)", reading(known), bad=Meets.LEAVES_OUT, nothing=[]),
    Reader("_status", reading(rows), bad=Meets.LEAVES_OUT, nothing=[]),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, jobs(), PATH, "jobs.d")


def test_what_is_written_fits_the_schema() -> None:
    assert len(validate(jobs(), f"{FOLDER}/*.json", "jobs.d")) == len(JOBS)


@pytest.mark.parametrize("wanted", JOBS, ids=lambda job: job["name"])
def test_the_runner_gets_the_job_that_a_role_wants(tmp_path: Path, wanted: dict[str, Any]) -> None:
    put(tmp_path, jobs())
    got = json.loads(json.dumps(asdict(run.load(run.World(root=tmp_path), wanted["name"]))))
    assert {key: got[key] for key in wanted} == wanted
    assert len(got["fields"].split()) == 5


def test_status_shows_each_job_with_its_times(tmp_path: Path) -> None:
    put(tmp_path, jobs())
    shown = {row["job"]: row for row in overview.overview(tmp_path, NOW)}
    assert sorted(shown) == ["renew", "tidy"]
    assert shown["tidy"]["schedule"] == "30 4 * * 0"
    assert all(row["next_due"] for row in shown.values())
