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
  - Reads the account files of the host and the lab's register, so that numbers can be given that are free on all
    servers.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
options: {}
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

from ..module_utils._accounts.current import read_found
from ..module_utils._accounts.store import StoreError


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        found = read_found(Path("/"))
    except (StoreError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        accounts={name: list(numbers) for name, numbers in found.accounts.items()},
        groups=dict(found.groups),
        recorded_users=dict(found.recorded_users),
        recorded_groups=dict(found.recorded_groups),
        missing_packages=[] if shutil.which("zstd") else ["zstd"],
    )


if __name__ == "__main__":
    main()
