# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packed modules that one run leaves for the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

OWN_MODULE = """
from ansible.module_utils.basic import AnsibleModule
AnsibleModule({}).exit_json(said="of my own")
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A playbook with a module of this collection, one of Ansible and one that lies beside it."""
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts").write_text(f"atlas {local}\n")
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "mine.py").write_text(OWN_MODULE)
    tasks = "- labserver.jupyter.doctor:\n    - ansible.builtin.stat: {path: /}\n    - mine:\n"
    (tmp_path / "book.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n    {tasks}")
    return tmp_path


def run(lab: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ANSIBLE_HOME": str(lab / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    command = ["ansible-playbook", "-i", lab / "hosts", lab / "book.yml"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def kept(lab: Path) -> dict[str, Path]:
    return {path.name.split("-")[0]: path for path in (lab / "home" / "labserver-modules").glob("*/*")}


def test_modules_are_kept_for_the_next_run_and_taken_from_there(lab: Path) -> None:
    assert run(lab).returncode == 0
    first = kept(lab)
    assert set(first) == {"ansible_collections.labserver.jupyter.plugins.modules.doctor", "ansible.modules.stat"}
    times = {path: path.stat().st_mtime_ns for path in first.values()}
    assert run(lab).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in kept(lab).values()} == times
    # Nothing but the kept file can break the next run.
    first["ansible.modules.stat"].write_bytes(b"damaged")
    assert run(lab).returncode != 0


def test_a_state_that_no_run_has_used_for_a_month_goes(lab: Path) -> None:
    old, young = (lab / "home" / "labserver-modules" / name for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "some.module").write_text("packed")
    (lab / "home" / "labserver-modules").chmod(0o700)
    os.utime(old, (0, 0))
    assert run(lab).returncode == 0
    assert (old.exists(), young.exists()) == (False, True)


def test_a_folder_that_others_may_write_to_is_not_used(lab: Path) -> None:
    assert run(lab).returncode == 0
    (path,) = [path for name, path in kept(lab).items() if name == "ansible.modules.stat"]
    path.write_bytes(b"planted")
    path.parent.chmod(0o770)
    assert run(lab).returncode == 0
