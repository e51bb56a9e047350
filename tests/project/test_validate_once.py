# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role checks its own inputs, unless the playbook has checked those of all roles in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

from paths import ROOT


def validated(folder: Path, *plays: dict[str, t.Any], **variables: t.Any) -> tuple[int, str]:
    """Run the plays and then the step validate of the role sandbox, for a host that cannot be reached."""
    (folder / "hosts").write_text("nowhere ansible_host=192.0.2.1\n")
    book = folder / "book.yml"
    step = {"name": "labserver.jupyter.sandbox", "tasks_from": "validate.yml"}
    book.write_text(json.dumps([*plays, {"hosts": "all", "gather_facts": False, "tasks": [{"include_role": step}]}]))
    environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    command = ["ansible-playbook", "-i", folder / "hosts", book, "-e", json.dumps(variables)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_role_alone_checks_its_inputs_without_a_connection(tmp_path: Path) -> None:
    status, said = validated(tmp_path, sandbox_cpu=1)
    assert status == 2
    assert "sandbox_cpu: no role has an input of this name; did you mean sandbox_cpus?" in said
    assert validated(tmp_path)[0] == 0


def test_role_does_not_check_again_what_the_playbook_has_checked(tmp_path: Path) -> None:
    status, said = validated(tmp_path, {"import_playbook": str(ROOT / "playbooks" / "validate.yml")})
    assert status == 0
    assert "skipping: [nowhere]" in said
