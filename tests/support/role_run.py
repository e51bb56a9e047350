# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a role on the host of a scenario as a playbook does, for tests that need it with other inputs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any


def run_role(folder: Path, name: str, hosts: str = "all", **variables: Any) -> tuple[int, str]:
    """Run ``labserver.jupyter.<name>`` with variables that win over all others; returns exit status and output.

    ``folder`` takes the playbook.
    """
    play = [{"hosts": hosts, "gather_facts": False, "roles": [f"labserver.jupyter.{name}"]}]
    book = folder / "play.yml"
    book.write_text(json.dumps(play))
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    command = ["ansible-playbook", "-i", inventory, "-e", json.dumps(variables), str(book)]
    # Molecule's record of its own runs is not for these.
    env = os.environ | {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.timer"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)
    return done.returncode, done.stdout + done.stderr
