# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup.d: what apps want in the backup, from their roles to the plan of a backup."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract import Reader, check, reading, validate
from places import backup_plan
from writers import backup_items, put

FOLDER = "etc/labserver/backup.d"
THERE = (
    "/etc/labserver/compose/zulip",
    "/srv/labserver/compose/wiki",
    "/opt/wiki",
    "/etc/labserver/cocalc",
    "/var/lib/docker/volumes/zulip_data/_data",
)


def compose_paths(root: Path) -> list[str]:
    return [path for path in backup_plan(root, THERE).paths if "zulip" in path or "wiki" in path]


READERS = [Reader("_backup", reading(compose_paths), nothing=[])]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, backup_items(), f"{FOLDER}/compose_app.json", "backup.d")


def test_what_is_written_fits_the_schema() -> None:
    assert len(validate(backup_items(), f"{FOLDER}/*.json", "backup.d")) == 2


def test_the_backup_reads_what_the_apps_name(tmp_path: Path) -> None:
    put(tmp_path, backup_items())
    plan = backup_plan(tmp_path, THERE)
    assert set(THERE) <= set(plan.paths)
    assert [dump.command for dump in plan.dumps] == [("docker", "exec", "cocalc", "pg_dumpall")]
