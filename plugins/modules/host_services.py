#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_services
short_description: Run services of systemd with the files that are there now
version_added: 0.1.0
description:
  - Starts and enables services, several in one call, and restarts those for which a restart is due.
  - A restart is due when something that the service reads at its start was changed. The modules of this collection that
    change such files mark it below C(/run/labserver/restart-due) before they do. This module removes the mark after the
    restart, so a run that dies in between is made up for by the next one.
  - When a service does not start, the module fails with the last lines of its log.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: On a host where systemd does not know a service yet, its start is predicted.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  services:
    description: The services, in the order in which they are started.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The unit with its suffix.
        type: str
        required: true
      state:
        description:
          - V(running) also starts it at boot; V(stopped) also keeps it from starting at boot; V(masked) stops it and
            lets nobody start it.
        type: str
        choices: [running, stopped, masked]
        default: running
  untouched:
    description:
      - Nothing that concerns the services was changed since the host was looked at in this run
        (M(labserver.jupyter.host)). What was seen then is believed, and the host is asked only where it differs.
    type: bool
    default: false
seealso:
  - module: ansible.builtin.systemd_service
"""

EXAMPLES = r"""
- name: Run the services of the hub
  labserver.jupyter.host_services:
    services:
      - {name: labserver-catalogue.service}
      - {name: labserver-hub-network.service}
"""

RETURN = r"""
actions:
  description: The orders that systemd was given or would be given.
  type: list
  elements: dict
  returned: always
  contains:
    what:
      description: V(daemon-reload), V(mask), V(enable), V(disable), V(start), V(restart) or V(stop).
      type: str
    name:
      description: The service; empty for V(daemon-reload).
      type: str
"""

from collections.abc import Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock, services


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "services": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "state": {"type": "str", "choices": ["running", "stopped", "masked"], "default": "running"},
                },
            },
            # Read by the controller's side.
            "untouched": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)

    def run(command: Sequence[str]) -> tuple[int, str]:
        if module.get_bin_path(command[0]) is None:
            return 127, f"{command[0]} is not installed"
        status, out, err = module.run_command(list(command), environ_update={"LC_ALL": "C"})
        return status, out + err

    desired = [
        services.Desired(one["name"], running=one["state"] == "running", masked=one["state"] == "masked")
        for one in module.params["services"]
    ]
    world = services.World(run)
    plan = services.compare(desired, services.read(world, [one.name for one in desired]))
    if not module.check_mode:
        try:
            services.apply(world, plan)
        except (services.ServicesError, OSError) as error:
            module.fail_json(msg=str(error))
    lines = "".join(f"{step.what} {step.name}".strip() + "\n" for step in plan)
    module.exit_json(
        changed=bool(plan),
        actions=[{"what": step.what, "name": step.name} for step in plan],
        diff={"before": "", "after": lines, "before_header": "services", "after_header": "services"},
    )


if __name__ == "__main__":
    main()
