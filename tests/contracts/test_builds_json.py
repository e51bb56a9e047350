# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""builds.json: people's builds, from the hub that keeps them to the host's job that follows its orders."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import job
from build_writers import builds
from contract import Reader, check, reading, validate
from labhub.builds import model
from labhub.exchange.kept import Kept
from writers import put

PATH = "srv/labserver/hub/state/builds.json"


def ordered(root: Path) -> list[str]:
    return [one.identity for one in job.read_orders(root, f"/{PATH}")[0]]


READERS = [Reader("_builds", reading(ordered), nothing=[])]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, builds(), PATH, "builds")


def test_what_is_written_fits_the_schema() -> None:
    validate(builds(), PATH, "builds")


def test_the_job_sees_the_orders_and_calls_the_images_as_the_hub_does(tmp_path: Path) -> None:
    put(tmp_path, builds())
    found, problems, ids = job.read_orders(tmp_path, f"/{PATH}")
    assert problems == [] and len(ids) == 4
    kept = Kept(tmp_path / PATH, "builds", model.from_json, model.to_json, "")
    names = {one.id: one.image for one in kept.all() if one.state in (model.PACKING, model.REMOVING)}
    assert {one.identity: f"{one.repository}:{one.tag}" for one in found} == names
    assert len(names) == 2


def test_the_hub_reads_what_it_kept(tmp_path: Path) -> None:
    put(tmp_path, builds())
    before = (tmp_path / PATH).read_bytes()
    kept = Kept(tmp_path / PATH, "builds", model.from_json, model.to_json, "")
    one = kept.all()[0]
    asyncio.run(kept.remove(one.id))
    asyncio.run(kept.add(one, most=50))
    again = Kept(tmp_path / PATH, "builds", model.from_json, model.to_json, "")
    assert len(again.all()) == 4 and kept.problem == ""
    assert {build.id for build in again.all()} == {f"{number}" * 12 for number in range(4)}
    assert len(before) == len((tmp_path / PATH).read_bytes())
