#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: retire_info
short_description: Tell what is on a server that goes out of service, and what forbids it
version_added: 0.2.0
description:
  - Looks at a lab server for C(playbooks/retire.yml). Tells who works on it, which data, backups, keys and exported
    folders there are, and what other servers of the inventory take from it. Nothing is changed.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._retire
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
options:
  others:
    description: What the inventory says of the other servers, by name.
    type: dict
    default: {}
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: labserver.jupyter.retire
"""

EXAMPLES = r"""
- name: Look what is on the server
  labserver.jupyter.retire_info:
    name: atlas
    others:
      boreas: {keeper: atlas, registry: "", shares: {data: "//nas/data"}, repository: "sftp:backup@nas:/boreas"}
  register: plan
"""

RETURN = r"""
lines:
  description: What there is and what would be done, to be read.
  type: list
  elements: str
  returned: success
refusals:
  description: What forbids it, each in a sentence.
  type: list
  elements: str
  returned: success
stage:
  description:
    - How far an earlier run came, of V(announced), V(frozen), V(saved), V(stopped) and V(wiped); empty without one.
  type: str
  returned: success
due:
  description: Whether the day has come.
  type: bool
  returned: success
"""

from datetime import datetime

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._retire import read, show
from ansible_collections.labserver.jupyter.plugins.module_utils._retire.model import Desired, Other


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"required": True},
            "day": {"default": ""},
            "contact": {"default": ""},
            "stop_servers": {"type": "bool", "default": False},
            "wipe": {"type": "bool", "default": False},
            "unsaved": {"type": "bool", "default": False},
            "others": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    words = dict(module.params)
    others = {name: Other(**said) for name, said in words.pop("others").items()}
    today = datetime.now().astimezone().date().isoformat()
    plan = show.compare(Desired(words.pop("name"), today, **words), read.read(read.World()), others)
    module.exit_json(
        changed=False, lines=list(plan.lines), refusals=list(plan.refusals), stage=plan.stage, due=plan.due
    )


if __name__ == "__main__":
    main()
