#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: retire
short_description: Take a server out of service, step by step
version_added: 0.2.0
description:
  - The steps around the roles in C(playbooks/retire.yml), which is how to use this. Each may be repeated, and is
    refused before the one that comes first.
  - How far it came stands in C(/var/lib/labserver/retire.json).
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
    details: What is deleted is as much as a server holds; M(labserver.jupyter.retire_info) names the folders.
  idempotent:
    support: full
options:
  state:
    description:
      - V(announced) tells people on the hub's pages the day and the contact. From that day on the hub starts nothing
        new.
      - V(taken_back) takes the announcement away.
      - V(frozen) stops the hub, and with O(stop_servers) people's servers.
      - V(saved) notes the last backup, and fails unless it was made after that, is complete, and a drill restored of
        it.
      - V(stopped) notes that the roles have removed services and jobs, and fails while one is left.
      - V(wiped) deletes homes, folders of groups, data, configuration with keys and passwords, state and Docker's
        volumes of apps. It deletes nothing that is on a share, and never the repository of the backups.
    type: str
    choices: [announced, taken_back, frozen, saved, stopped, wiped]
    required: true
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: labserver.jupyter.retire_info
"""

EXAMPLES = r"""
- name: Tell people
  labserver.jupyter.retire:
    name: atlas
    state: announced
    day: "2026-12-15"
    contact: Rita Vega, room 2.14
"""

RETURN = r"""
lines:
  description: What remains and wants a hand, once the server is out of service.
  type: list
  elements: str
  returned: success
"""

from collections.abc import Callable
from datetime import datetime

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._retire import carry_out, read, record, show
from ansible_collections.labserver.jupyter.plugins.module_utils._retire.model import Current, Desired, RetireError

STEPS: dict[str, Callable[[read.World, Desired, Current, bool], bool]] = {
    "announced": carry_out.announce,
    "taken_back": carry_out.take_back,
    "frozen": carry_out.freeze,
    "saved": carry_out.save,
    "stopped": carry_out.finish,
    "wiped": carry_out.wipe,
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"required": True},
            "state": {"choices": list(STEPS), "required": True},
            "day": {"default": ""},
            "contact": {"default": ""},
            "stop_servers": {"type": "bool", "default": False},
            "wipe": {"type": "bool", "default": False},
            "unsaved": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    words = dict(module.params)
    step = STEPS[words.pop("state")]
    desired = Desired(words.pop("name"), datetime.now().astimezone().date().isoformat(), **words)
    world = read.World()
    try:
        changed = step(world, desired, read.read(world, sized=False), module.check_mode)
    except (RetireError, EngineError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, lines=list(show.report(record.read(world.root))))


if __name__ == "__main__":
    main()
