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

from paths import ROOT


def run_role(
    folder: Path, name: str, hosts: str = "all", options: Sequence[str] = (), **variables: Any
) -> tuple[int, str]:
    """Run ``labserver.jupyter.<name>`` with variables that win over all others; returns exit status and output.

    ``folder`` takes the playbook, ``options`` are those of ansible-playbook.
    """
    book = folder / "play.yml"
    book.write_text(json.dumps([{"hosts": hosts, "gather_facts": False, "roles": [f"labserver.jupyter.{name}"]}]))
    return run_playbook(book, variables, options)


def run_playbook(
    book: Path,
    variables: Mapping[str, Any],
    options: Sequence[str] = (),
    inventory: Path | None = None,
    seconds: float = 400,
) -> tuple[int, str]:
    """Run a playbook against the hosts of the scenario; returns exit status and output.

    ``inventory`` is molecule's unless another is given. Raises subprocess.TimeoutExpired after ``seconds``.
    """
    return run_ansible("ansible-playbook", [*options, "-e", json.dumps(variables), str(book)], inventory, seconds)


def run_ansible(
    program: str, arguments: Sequence[str], inventory: Path | None = None, seconds: float = 400, **environment: str
) -> tuple[int, str]:
    """Run ``ansible-playbook`` or ``ansible`` against the hosts of the scenario; returns exit status and output.

    ``environment`` is added to that of the tests. Raises subprocess.TimeoutExpired after ``seconds``.
    """
    command, env = _command(program, arguments, inventory, environment)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=ROOT, timeout=seconds)
    return done.returncode, done.stdout + done.stderr


def start_playbook(
    book: Path, variables: Mapping[str, Any], output: Path, inventory: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a playbook against the hosts of the scenario in a process group of its own, which a test can kill."""
    command, env = _command("ansible-playbook", ["-e", json.dumps(variables), str(book)], inventory, {})
    with output.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=env, cwd=ROOT, start_new_session=True)


def _command(
    program: str, arguments: Sequence[str], inventory: Path | None, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    hosts = inventory or Path(os.environ["MOLECULE_INVENTORY_FILE"])
    env = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "1000", **environment}
    env["ANSIBLE_CALLBACKS_ENABLED"] = "labserver.jupyter.module_cache"  # molecule's record is of its own runs only
    return [program, "-i", str(hosts), *arguments], env
