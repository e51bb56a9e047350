# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles leave beside an inventory is not taken for a part of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from paths import ROOT


def test_passwords_and_lists_of_people_are_no_inventories(tmp_path: Path) -> None:
    shutil.copy(ROOT / "inventory/demo/hosts.yml", tmp_path)
    (tmp_path / "one-time-passwords").mkdir()
    (tmp_path / "images/leem").mkdir(parents=True)
    for name in (
        "one-time-passwords/demo.txt",
        "one-time-passwords/.demo.html",
        "people.csv",
        "images/leem/Dockerfile",
    ):
        (tmp_path / name).write_text("name,full_name\nalice,Alice\n")
    command = ["ansible-inventory", "-i", str(tmp_path), "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Unable to parse" not in done.stderr
    assert json.loads(done.stdout)["_meta"]["hostvars"].keys() == {"demo"}
