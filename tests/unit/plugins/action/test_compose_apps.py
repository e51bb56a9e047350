# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the controller reaches the host."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.action.compose_apps import project_files


def contents(files: list[dict[str, str]]) -> dict[str, tuple[bytes, str]]:
    return {item["path"]: (base64.b64decode(item["content"]), item["mode"]) for item in files}


def test_folder_then_files_then_definition(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("not for the host")
    (tmp_path / "conf" / "a.bin").write_bytes(b"\x00\xff")
    (tmp_path / "start.sh").write_text("#!/bin/sh\n")
    (tmp_path / "start.sh").chmod(0o755)
    (tmp_path / "site.txt").write_text("of the folder")
    definition = {"services": {"web": {"image": "é"}}}
    app = {"folder": "x", "files": {"site.txt": "of the inventory"}, "definition": definition}
    found = contents(project_files(app, lambda name: str(tmp_path)))
    assert yaml.safe_load(found.pop("compose.yaml")[0]) == definition
    assert found == {
        "conf/a.bin": (b"\x00\xff", "0644"),
        "site.txt": (b"of the inventory", "0644"),
        "start.sh": (b"#!/bin/sh\n", "0755"),
    }


def test_data_has_no_place_in_a_project_folder(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        project_files({"folder": "x"}, lambda name: str(tmp_path))


def test_a_folder_inside_the_inventory_is_refused(tmp_path: Path) -> None:
    inside, beside = tmp_path / "lab" / "apps" / "wiki", tmp_path / "apps" / "wiki"
    for folder in (inside, beside):
        folder.mkdir(parents=True)
        (folder / "compose.yaml").write_text("services: {}")
    inventories = [str(tmp_path / "lab"), "localhost,"]
    assert project_files({"folder": "wiki"}, lambda _name: str(beside), inventories)
    with pytest.raises(
        ValueError, match=f"lies in the inventory .*lab, .* move it out, for example to {tmp_path}/apps/wiki"
    ):
        project_files({"folder": "wiki"}, lambda _name: str(inside), inventories)
