# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs roles and playbooks on the hosts of a scenario, for tests that need them with other inputs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def run_role(
    folder: Path, name: str, hosts: str = "all", options: Sequence[str] = (), **variables: Any
) -> tuple[int, str]:
    """Run ``labserver.jupyter.<name>`` with variables that win over all others; returns exit status and output.

    ``folder`` takes the playbook, ``options`` are those of ansible-playbook.
    """
    book = folder / "play.yml"
    book.write_text(json.dumps([{"hosts": hosts, "gather_facts": False, "roles": [f"labserver.jupyter.{name}"]}]))
    return run_playbook(book, variables, options)


def run_playbook(book: Path, variables: Mapping[str, Any], options: Sequence[str] = ()) -> tuple[int, str]:
    """Run a playbook against the hosts of the scenario; returns exit status and output."""
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    command = ["ansible-playbook", "-i", inventory, "-e", json.dumps(variables), *options, str(book)]
    # Molecule's record of its own runs is not for these.
    env = os.environ | {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.timer"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)
    return done.returncode, done.stdout + done.stderr
