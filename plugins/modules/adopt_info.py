#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: adopt_info
short_description: Tell what of a server with an old hub can be taken over
version_added: 0.2.0
description:
  - Looks at a host with The Littlest JupyterHub or a hub by Docker Compose, and infers the inventory that describes its
    people, groups, administrators, limits, shares and the settings of its hub.
  - Nothing is changed on the host. Python 3.9 and root are all that it needs. Passwords are counted, never returned.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._adopt
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
seealso:
  - module: labserver.jupyter.adopt
  - module: labserver.jupyter.doctor
"""

EXAMPLES = r"""
- name: Look at the old hub
  labserver.jupyter.adopt_info:
  register: report
"""

RETURN = r"""
kind:
  description: V(tljh), V(compose), or empty where there is no hub.
  type: str
  returned: success
hub_version:
  description: Version of TLJH, or of JupyterHub where Compose runs it.
  type: str
  returned: success
adopted:
  description:
    - How far an earlier takeover came, of V(kept), V(switching), V(switched), V(done) and V(back); empty without one.
  type: str
  returned: success
ended:
  description: Why the host took the earlier takeover back by itself; empty when it did not.
  type: str
  returned: success
people:
  description: How many people are taken over.
  type: int
  returned: success
with_password:
  description: How many of them keep the password they have.
  type: int
  returned: success
running:
  description: Names of the people whose server runs.
  type: list
  elements: str
  returned: success
inventory:
  description: The variables that describe the host.
  type: dict
  returned: success
credentials:
  description: Names in C(shares_credentials) and the files of the host that have user and password.
  type: dict
  returned: success
packages:
  description: What is installed in the environment that people of TLJH share.
  type: list
  elements: str
  returned: success
rows:
  description: What becomes of what.
  type: list
  elements: dict
  returned: success
  contains:
    what:
      description: What it is.
      type: str
    taken:
      description: V(yes), V(partly) or V(no).
      type: str
    there:
      description: What there is of it.
      type: str
    why:
      description: What that means for people, or why it cannot be taken over.
      type: str
refusals:
  description: What forbids taking the host over, each in a sentence.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import plan, read, show
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.model import Choices


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "without": {"type": "list", "elements": "str", "default": []},
            "stop_servers": {"type": "bool", "default": False},
            "new_passwords": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    current = read.read(read.World())
    choices = Choices(frozenset(params["without"]), params["stop_servers"], params["new_passwords"])
    module.exit_json(changed=False, **show.report(current, plan.compare(current, choices)))


if __name__ == "__main__":
    main()
