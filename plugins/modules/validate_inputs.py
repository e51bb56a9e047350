#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_inputs
short_description: Check the inputs of the lab server roles before anything is touched
version_added: 0.1.0
description:
  - Checks the variables of a host against the argument specs of this collection's roles and against the roles' own
    rules, and reports all problems at once, each with its path, index, name and remedy.
  - Names variables that look like an input and are none, such as a misspelt one, which Ansible never notices.
  - Runs on the controller; the host is not contacted.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode.
  diff_mode:
    support: none
    details: There is nothing that changes.
  idempotent:
    support: full
options:
  roles:
    description: The roles whose inputs are checked. Empty means all roles of the collection.
    type: list
    elements: str
    default: []
  lab:
    description:
      - All servers of the lab. What they say is compared too, such as names, registries, uids and gids, also of those
        that are not in the play. Empty means that only this host is checked.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Check the inputs of all roles
  labserver.jupyter.validate_inputs:
"""

RETURN = r"""
problems:
  description: Every problem found, in words.
  type: list
  elements: str
  returned: always
  sample: ["accounts_users[12] (name=mira): uid \"x\" is not an integer; give a whole number from 1000 to 59999"]
"""
