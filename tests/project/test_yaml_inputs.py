# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What YAML would make of an inventory without a word stops the run before a host is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from paths import ROOT

PEOPLE = """
accounts_users:
  - {name: mira, uid: 020001}
accounts_users:
  - {name: jonas}
  - {name: no}
  - {name: 2027-03-31}
hub_image: "{{ nothing_there }}"
hub_image_repositories: notebook
"""


def validate(inventory: Path) -> tuple[int, str]:
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, ROOT / "playbooks/validate.yml"],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {lab1: {}}}\n")
    (tmp_path / "group_vars").mkdir()
    return tmp_path


def test_everything_is_named_at_once(inventory: Path) -> None:
    (inventory / "group_vars/all.yml").write_text(PEOPLE)
    status, said = validate(inventory)
    assert status != 0
    for words in (
        f'{inventory}/group_vars/all.yml line 4: "accounts_users" is there twice (first in line 2)',
        "uid: 020001 is read as 8193",
        "accounts_users[1]: name is the truth value false, which YAML makes of no, off and false; put it in quotes",
        "accounts_users[2]: name is the date 2027-03-31, not a text; put it in quotes",
        "hub_image: its value cannot be told: ",
        "hub_image_repositories: 'notebook' is not a list",
    ):
        assert words in said, said
    assert "hub_image_repositories[" not in said, "one line for each letter"


@pytest.mark.parametrize("file", ["group_vars/all.yml", "hosts.yml"])
def test_a_key_that_is_there_twice_stops_the_run(inventory: Path, file: str) -> None:
    text = "accounts_users: []\naccounts_users: []\n"
    if file == "hosts.yml":
        text = "all:\n  hosts: {lab1: {}}\n  vars:\n    accounts_users: []\n    accounts_users: []\n"
    (inventory / file).write_text(text)
    status, said = validate(inventory)
    assert status != 0, said
    assert f'{inventory}/{file} line {text.count(chr(10))}: "accounts_users" is there twice' in said


def test_an_inventory_that_cannot_be_read_is_no_success(inventory: Path) -> None:
    (inventory / "hosts.yml").write_text("all:\n  hosts: {lab1: {}}\n bad\n")
    status, said = validate(inventory)
    assert status != 0, said


def test_a_registry_that_is_taken_off_while_the_hub_looks_there_stops_the_run(inventory: Path) -> None:
    (inventory / "group_vars/all.yml").write_text("registry_state: absent\n")
    status, said = validate(inventory)
    assert status != 0
    assert "hub_registry: is left at 127.0.0.1:5000, the registry on this host" in said, said
    assert "images_registry: is left at" in said
    apart = "registry_state: absent\nhub_registry: registry.lab.example:443\nimages_state: absent\n"
    (inventory / "group_vars/all.yml").write_text(apart)
    assert validate(inventory)[0] == 0


def test_a_slip_is_said_with_what_was_meant_and_where_it_stands(inventory: Path) -> None:
    """For a host, a group and all; in files of variables and in the inventory of hosts."""
    hosts = (
        "all:\n  vars:\n    hub_lab_nam: x\n  children:\n    labs:\n      hosts:\n        lab1: {hub_defualt_cpu: 2}\n"
    )
    (inventory / "hosts.yml").write_text(hosts)
    (inventory / "group_vars/labs.yml").write_text("accounts_user: []\naccounts_groups:\n  - {name: leem, limit: {}}\n")
    (inventory / "host_vars").mkdir()
    (inventory / "host_vars/lab_1.yml").write_text("hub_image_repositories: []\n")
    status, said = validate(inventory)
    assert status != 0, said
    for words in (
        f"did you mean hub_lab_name? ({inventory}/hosts.yml line 3)",
        f"did you mean hub_default_cpu? ({inventory}/hosts.yml line 7)",
        f"did you mean accounts_users? ({inventory}/group_vars/labs.yml line 1)",
        f"{inventory}/host_vars/lab_1.yml: the inventory has no host lab_1, so nobody reads this; did you mean lab1?",
    ):
        assert words in said, said
