# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""in-use.d: the images that containers of other hosts use, which the registry keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import protect
from contract import Meets, Reader, check, reading, validate
from writers import DIGEST, put, reports

FOLDER = "etc/labserver/registry/in-use.d"
PATH = f"{FOLDER}/lab2.json"


def kept(root: Path) -> dict[str, str]:
    protection = protect.gather(reports=[root / PATH])
    return {**protection.digests, **protection.names}


# What cannot be read stops the pruning: an image too many is kept, never one too few.
READERS = [Reader("_registry", reading(kept), missing=Meets.REFUSES)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, reports(), PATH, "in-use.d")


def test_what_is_written_fits_the_schema() -> None:
    validate(reports(), PATH, "in-use.d")


def test_what_runs_elsewhere_is_kept_and_the_reason_names_it(tmp_path: Path) -> None:
    put(tmp_path, reports())
    found = kept(tmp_path)
    assert found[DIGEST] == found["notebook:1.0"] == "in use on lab2 by jupyter-mira"


def test_the_registry_looks_for_the_file_of_each_host_where_it_is_written(tmp_path: Path) -> None:
    put(tmp_path, reports())
    folder = tmp_path / FOLDER
    now = (tmp_path / PATH).stat().st_mtime
    assert protect.missing_reports(folder, ["lab2"], now, 60) == []
    assert "lab3" in protect.missing_reports(folder, ["lab2", "lab3"], now, 60)[0]
