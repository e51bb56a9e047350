#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor
short_description: Look for hazards on a host with a hub
version_added: 0.2.0
description:
  - Looks at a host with a JupyterHub of any kind (The Littlest JupyterHub, a hub by Compose, a lab server of this
    collection) in a few seconds, and names what is dangerous on it, what that leads to, and what to do.
  - Nothing is installed on the host and nothing is changed there. Python 3.9 and root are all that it needs.
  - A part of the host that cannot be looked at is named in RV(unread), never taken for good.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The module changes nothing.
  idempotent:
    support: full
options: {}
"""

EXAMPLES = r"""
- name: Look for hazards
  labserver.jupyter.doctor:
  register: report
"""

RETURN = r"""
kinds:
  description: Which kinds of hub the host has, of V(labserver), V(tljh) and V(compose).
  type: list
  elements: str
  returned: success
looked_at:
  description: How many hazards were looked for.
  type: int
  returned: success
seconds:
  description: How long it took.
  type: float
  returned: success
findings:
  description: What was found, the worst first.
  type: list
  elements: dict
  returned: success
  contains:
    hazard:
      description: The id of the hazard.
      type: str
    level:
      description: V(critical), V(warning) or V(note).
      type: str
    subject:
      description: What has it.
      type: str
    text:
      description: What was seen there.
      type: str
    consequence:
      description: What it leads to.
      type: str
    remedy:
      description: What to do.
      type: str
unread:
  description: What could not be looked at, and why.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.cli import look
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.handle import World


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, **look(World()))


if __name__ == "__main__":
    main()
