# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A problem of the inputs is said with the file and line where it stands."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _places as places

HOSTS = """all:
  vars:
    hub_imag: x
  hosts:
    atlas:
      hub_port: many
    boreas:
      hub_port: none
  children:
    labs:
      vars: {hub_title: x}
      hosts: {atlas: }
    others:
      vars: {hub_title: y}
"""
ALL = """accounts_users:
  - name: mira
  - name: jonas
    limits:
      memory: 8
      cpuu: 2
hub_title: x
"""
TEXTS = {
    "lab/hosts.yml": HOSTS,
    "lab/group_vars/all/people.yml": ALL,
    "lab/group_vars/others.yml": "hub_imag: y\n",
    "lab/host_vars/atlas.yml": "---\n\nhub_imag: z\n",
    "lab/host_vars/boreas/main.yml": "hub_imag: z\n",
    "lab/group_vars/labs.yml": "- no mapping\n",
    "lab/group_vars/labs/bad.yml": "a: [\n",
}


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("hub_imag: no role has it", "lab/hosts.yml line 3 and lab/host_vars/atlas.yml line 3"),
        ("hub_port: 'many' is not a whole number", "lab/hosts.yml line 6"),
        ("hub_title: is bad", "lab/hosts.yml line 11 and lab/group_vars/all/people.yml line 7"),
        ("accounts_users[0] (name=mira): bad", "lab/group_vars/all/people.yml line 2"),
        ("accounts_users[1] (name=jonas).limits.memory: bad", "lab/group_vars/all/people.yml line 5"),
        ("accounts_users[1] (name=jonas).limits: unknown key 'cpuu'; x", "lab/group_vars/all/people.yml line 6"),
        ("accounts_users[7]: of a list that a template made", "lab/group_vars/all/people.yml line 1"),
    ],
)
def test_where_it_stands(problem: str, expected: str) -> None:
    assert places.with_places([problem], TEXTS, "atlas", ["labs"]) == [f"{problem} ({expected})"]


def test_what_has_no_place_is_left_as_it_is() -> None:
    told = ["hub_state: from the command line", "Something else: bad", "4 people have no group"]
    assert places.with_places(told, TEXTS, "atlas", []) == told


def test_files_of_hosts_and_groups_that_nobody_reads() -> None:
    labels = [
        "l/host_vars/atals.yml",
        "l/host_vars/atlas2/main.yml",
        "l/group_vars/labserver",
        "l/group_vars/gone.yml",
    ]
    assert places.strangers([*labels, "l/hosts.yml"], ["atlas", "atlas1"], ["all", "labservers"]) == [
        "l/host_vars/atals.yml: the inventory has no host atals, so nobody reads this; did you mean atlas?",
        "l/group_vars/labserver: the inventory has no group labserver, so nobody reads this; did you mean labservers?",
    ]
