# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names at the old hub are words of strangers: as Ansible loads and templates them from the file that is written."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import collection  # noqa: F401  # makes the checkout importable as the collection
import pytest
from ansible_collections.labserver.jupyter.plugins.filter.adopt import OURS, adopt_yaml


def shown(folder: Path, variables: dict[str, t.Any], name: str) -> t.Any:
    """Return a variable as Ansible has it when the file is among those of a host."""
    (folder / "host_vars" / "atlas").mkdir(parents=True)
    (folder / "host_vars" / "atlas" / "adopted.yml").write_text(adopt_yaml(variables))
    (folder / "hosts").write_text("atlas ansible_connection=local\n")
    environment = {
        **os.environ,
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
    }
    environment |= {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_HOME": str(folder / "home")}
    command = ["ansible", "-i", folder / "hosts", "atlas", "-m", "ansible.builtin.debug", "-a", f"var={name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.JSONDecoder().raw_decode(done.stdout.partition("=> ")[2])[0][name]


@pytest.mark.parametrize("word", ["{{ lookup('ansible.builtin.pipe', 'touch MADE') }}", "{% set a = 1 %}x", "{# x #}y"])
def test_what_looks_like_a_template_stays_a_text(tmp_path: Path, word: str) -> None:
    made = tmp_path / "made"
    people = [{"name": word.replace("MADE", str(made)), "uid": 1001, "admin": True}, {"name": f"a'{word}\nb"}]
    assert shown(tmp_path, {"accounts_users_host": people}, "accounts_users_host") == people
    assert not made.exists()


def test_the_one_template_of_ours_is_one(tmp_path: Path) -> None:
    variables = {"shares_credentials": OURS, "adopted_credentials": {"adopted": {"password": "{{ a }}"}}}
    assert shown(tmp_path, variables, "shares_credentials") == {"adopted": {"password": "{{ a }}"}}
