# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all servers, as the README tells people to ask for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("limit", "shown"), [("atlas,boreas", "atlas, boreas"), ("atlas", "atlas")])
def test_the_table_is_shown_for_all_servers_and_for_one(tmp_path: Path, limit: str, shown: str) -> None:
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts").write_text(f"atlas {local}\nboreas {local}\n")
    # Nobody has installed the program here: both servers give no answer, which the table says.
    command = ["ansible-playbook", "-i", tmp_path / "hosts", "playbooks/status.yml", "--limit", limit]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(
        [*command, "-e", "ansible_become=false"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"no answer from {shown}" in done.stdout
