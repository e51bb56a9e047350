# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks with wrong lists of people: everything wrong is named, and no server is asked for anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from paths import ROOT

FAR = "ansible_host=192.0.2.1 ansible_ssh_common_args='-o ConnectTimeout=1'"
NEAR = f"ansible_connection=local ansible_python_interpreter={sys.executable}"


def play(folder: Path, name: str, hosts: str, **variables: Any) -> tuple[int, str]:
    """Run a playbook on two servers; returns its status and what it said, with the line breaks taken out."""
    (folder / "hosts").write_text(f"atlas {hosts}\nboreas {hosts}\n")
    extra = ["-e", json.dumps(variables), "--check"]  # whatever this machine is, nothing is done to it
    command = ["ansible-playbook", "-i", folder / "hosts", f"playbooks/{name}.yml", *extra]
    environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_500_people_with_seven_mistakes_stop_the_site_before_a_server_is_asked(tmp_path: Path) -> None:
    lines = [f"pupil{number},,2000-01-01" for number in range(250)]
    lines[7] = "pupil7,,soon"
    lines[200] = "Pupil,,"
    (tmp_path / "pupils.csv").write_text("name,full_name,expires\n" + "".join(f"{line}\n" for line in lines))
    users: list[dict[str, Any]] = [{"name": f"student{number}"} for number in range(250)]
    users[3]["uid"] = "x"
    users[77]["state"] = "lockd"
    users[123]["groups"] = ["nobody-knows"]
    users[201]["name"] = "student200"
    users[249]["limits"] = {"memory": "viel"}
    status, told = play(tmp_path, "site", FAR, accounts_users=users, accounts_users_from=str(tmp_path / "pupils.csv"))
    assert status != 0
    for mistake in (
        'pupils.csv line 9 (name=pupil7): expires "soon" is not a date',
        'pupils.csv line 202 (name=Pupil): name "Pupil" has capital letters',
        'accounts_users[3] (name=student3): uid "x" is not an integer',
        'accounts_users[77] (name=student77): state "lockd" is unknown; did you mean locked?',
        'accounts_users[123] (name=student123): group "nobody-knows" is not in accounts_groups',
        "accounts_users[201] (name=student200): is a duplicate of accounts_users[200]",
        'accounts_users[249] (name=student249): limits.memory "viel" is not a size',
    ):
        assert mistake in told.replace('\\"', '"')
    assert "UNREACHABLE" not in told


def test_a_password_for_somebody_whom_no_server_knows(tmp_path: Path) -> None:
    status, told = play(tmp_path, "password", NEAR, user="alice, bob", ansible_become=False)
    assert status != 0
    assert "No hub of atlas, boreas knows alice, bob. Nothing was changed." in told
    assert "Name the person who needs a new password" in play(tmp_path, "password", NEAR, ansible_become=False)[1]
