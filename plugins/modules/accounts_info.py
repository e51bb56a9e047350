#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: accounts_info
short_description: Tell which account and group numbers a host uses
version_added: 0.1.0
description:
  - Reads the account files of the host, the ranges of further ids and the lab's register, and asks the name service, so
    that names and numbers can be given that are free on all servers.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._accounts
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
options:
  users:
    description:
      - People as M(labserver.jupyter.accounts) takes them. A directory (LDAP, sssd, Active Directory) does not list
        all its people, so it is asked for the names and numbers that these would take.
    type: list
    elements: dict
    default: []
  groups:
    description: Lab groups as M(labserver.jupyter.accounts) takes them.
    type: list
    elements: dict
    default: []
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: labserver.jupyter.accounts
"""

EXAMPLES = r"""
- name: Ask which numbers are taken
  labserver.jupyter.accounts_info:
  register: found
"""

RETURN = r"""
accounts:
  description: All accounts of the host, each with uid and gid.
  type: dict
  returned: success
  sample: {root: [0, 0], jupyter-mira: [20001, 20001]}
groups:
  description: All groups of the host with their gid.
  type: dict
  returned: success
  sample: {leem: 30000}
recorded_users:
  description: The uid of everybody whom this host's register knows, removed people included.
  type: dict
  returned: success
  sample: {mira: 20001}
recorded_groups:
  description: The gid of every lab group that this host's register knows.
  type: dict
  returned: success
  sample: {leem: 30000}
foreign_users:
  description: The uid of those who were asked for, or are listed, and whom only the name service knows.
  type: dict
  returned: success
  sample: {ldapanna: 20002}
foreign_groups:
  description: The gid of groups that only the name service knows.
  type: dict
  returned: success
  sample: {physics: 30001}
sub_uids:
  description: Ranges of C(/etc/subuid), each with the first number, how many, and whose.
  type: list
  elements: list
  returned: success
  sample: [[100000, 65536, op]]
sub_gids:
  description: Ranges of C(/etc/subgid).
  type: list
  elements: list
  returned: success
  sample: [[100000, 65536, op]]
trouble:
  description: Why the name service cannot be asked; empty when it answers.
  type: str
  returned: success
  sample: ''
missing_packages:
  description: Debian packages that M(labserver.jupyter.accounts) makes good use of and that the host lacks.
  type: list
  elements: str
  returned: success
  sample: [zstd]
"""

import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._accounts import input as inputs
from ..module_utils._accounts import settings
from ..module_utils._accounts.current import read_found
from ..module_utils._accounts.store import StoreError


def main() -> None:
    ranges = {key: spec for key, spec in settings.argument_spec().items() if key[1:] in ("id_min", "id_max")}
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "default": []},
            "groups": {"type": "list", "elements": "dict", "default": []},
            **ranges,
        },
        supports_check_mode=True,
    )
    desired, problems = inputs.desired({f"accounts_{key}": value for key, value in module.params.items()})
    if problems:
        module.fail_json(msg="\n".join(problems), problems=problems)
    try:
        found = read_found(Path("/"), desired)
    except (StoreError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        accounts={name: list(numbers) for name, numbers in found.accounts.items()},
        groups=dict(found.groups),
        recorded_users=dict(found.recorded_users),
        recorded_groups=dict(found.recorded_groups),
        foreign_users=dict(found.foreign_users),
        foreign_groups=dict(found.foreign_groups),
        sub_uids=[list(one) for one in found.sub_uids],
        sub_gids=[list(one) for one in found.sub_gids],
        trouble=found.trouble,
        missing_packages=[] if shutil.which("zstd") else ["zstd"],
    )


if __name__ == "__main__":
    main()
