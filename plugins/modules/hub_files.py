#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_files
short_description: Write the hub's folders, secrets and configuration files in one call
version_added: 0.1.0
description:
  - Makes folders, generates secrets once, and writes configuration files atomically, all in one call, since each call
    of a module costs a third of a second.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Contents of secrets are not shown.
  idempotent:
    support: full
options:
  paths:
    description: Folders, secrets and files in the order in which they are made.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The absolute path. With neither content nor secret it is a folder.
        type: path
        required: true
      mode:
        description: Octal mode.
        type: str
        required: true
      owner:
        description: User id.
        type: int
        default: 0
      group:
        description: Group id.
        type: int
        default: 0
      content:
        description: Content of a file.
        type: str
      secret:
        description: Content of a file that is never shown; instead of O(paths[].content).
        type: str
      secret_bytes:
        description: A file with so many random bytes, in hexadecimal, is generated when there is none.
        type: int
      same_as:
        description: The file has the content of this other secret.
        type: path
      restarts:
        description:
          - Services that read this file when they start. Before the file is changed, their restart is marked as due for
            M(labserver.jupyter.host_services).
        type: list
        elements: str
        default: []
      state:
        description: Whether a file is to be there.
        type: str
        choices: [present, absent]
        default: present
seealso:
  - module: ansible.builtin.copy
  - module: labserver.jupyter.host_services
"""

EXAMPLES = r"""
- name: Write the hub's configuration
  labserver.jupyter.hub_files:
    paths:
      - {path: /etc/labserver/hub/secrets, mode: "0700", owner: 64100, group: 64100}
      - {path: /etc/labserver/hub/secrets/cookie_secret, mode: "0600", owner: 64100, group: 64100, secret_bytes: 32}
"""

RETURN = r"""
actions:
  description: What was done or would be done.
  type: list
  elements: dict
  returned: success
  contains:
    what:
      description: V(make), V(write), V(generate), V(remove) or V(permit).
      type: str
    name:
      description: The path.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import files


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "paths": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "mode": {"type": "str", "required": True},
                    "owner": {"type": "int", "default": 0},
                    "group": {"type": "int", "default": 0},
                    "content": {"type": "str"},
                    "secret": {"type": "str", "no_log": True},
                    "secret_bytes": {"type": "int", "no_log": False},
                    "same_as": {"type": "path"},
                    "restarts": {"type": "list", "elements": "str", "default": []},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                },
            }
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    try:
        plan = files.compare(files.from_params(module.params["paths"]))
        if not module.check_mode:
            files.apply(plan)
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(plan),
        actions=[{"what": change.what, "name": change.desired.path} for change in plan],
        diff=files.diff_of(plan),
    )


if __name__ == "__main__":
    main()
