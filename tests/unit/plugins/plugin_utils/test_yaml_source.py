# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are there twice, and numbers that YAML reads in another base, are named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _yaml_source as source

INPUTS = {"accounts_users", "accounts_uid_min", "hub_port"}


def told(text: str) -> list[str]:
    return source.problems({"f.yml": text}, INPUTS)


def test_a_list_that_a_second_key_takes_away() -> None:
    (problem,) = told("accounts_users:\n- name: mira\nother: 1\naccounts_users:\n- name: jonas\n")
    assert problem.startswith('f.yml line 4: "accounts_users" is there twice (first in line 1); YAML keeps only')


@pytest.mark.parametrize(
    "text",
    [
        "accounts_users:\n- {name: mira, groups: [a], groups: [b]}\n",
        "all:\n  vars:\n    accounts_users:\n    - name: a\n      groups: [a]\n      groups: [b]\n",
        "secret: !vault |\n  $ANSIBLE_VAULT;1.1\nx: {groups: 1, groups: 2}\n",
    ],
)
def test_also_deep_inside_and_beside_what_only_ansible_can_read(text: str) -> None:
    (problem,) = told(text)
    assert '"groups" is there twice' in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accounts_users: [{uid: 020001}]", "uid: 020001 is read as 8193"),
        ("accounts_users: [{quota: 0755}]", "quota: 0755 is read as 493"),
        ("accounts_uid_min: 020000", "accounts_uid_min: 020000 is read as 8192"),
        ("all: {vars: {hub_port: 0100}}", "hub_port: 0100 is read as 64"),
        ("hub_port: 80:30", 'hub_port: 80:30 is read as a number in base 60; put it in quotes: "80:30"'),
    ],
)
def test_numbers_that_yaml_reads_in_another_base(text: str, expected: str) -> None:
    (problem,) = told(text)
    assert problem.startswith(f"f.yml line 1: {expected}")


@pytest.mark.parametrize(
    "text",
    [
        'accounts_users: [{uid: "020001"}]',
        "my_mode: 0644",  # of another role, which may mean it
        "hub_port: 0",
        "hub_port: 20_000",
        "hub_port: 8080:80",  # no number for YAML
        "a: &x {b: 1}\nc: {<<: *x, b: 2}",
        "broken: [",
        "- 1\n- 1\n",
        "",
    ],
)
def test_what_is_meant_as_it_stands(text: str) -> None:
    assert told(text) == []


def test_one_variable_in_two_files_of_one_group() -> None:
    texts = {
        "lab/group_vars/all/a.yml": "accounts_users: []\n",
        "lab/group_vars/all/b.yml": "x: 1\naccounts_users: []\nmine: 1\n",
        "lab/group_vars/all.yml": "mine: 2\n",
        "lab/group_vars/gpu.yml": "accounts_users: []\n",
        "lab/host_vars/all/a.yml": "accounts_users: []\n",
    }
    (problem,) = source.problems(texts, INPUTS)
    assert problem.startswith(
        'lab/group_vars/all/b.yml line 2: "accounts_users" is also set in lab/group_vars/all/a.yml'
    )


def test_the_files_of_an_inventory(tmp_path: Path) -> None:
    wanted = ["lab/hosts.yml", "lab/group_vars/all/x.yml", "lab/group_vars/gpu", "lab/host_vars/lab1.json"]
    others = ["lab/accounts-ids.txt", "lab/group_vars/all/.x.yml.swp", "lab/students.csv", "lab/group_vars/all/x.yml~"]
    for name in [*wanted, *others]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    expected = sorted(tmp_path / name for name in wanted)
    assert sorted(source.files([str(tmp_path / "lab")], [])) == expected
    assert sorted(source.files([str(tmp_path / "lab/hosts.yml"), "lab1,"], [str(tmp_path)])) == expected
