#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_upgrade_plan
short_description: What an upgrade of a server would change
version_added: 0.2.0
description:
  - Compares the versions that run with those of a release, and tells whose servers run, which names the new hub
    refuses, which packages of the host have newer versions, and what keeps the upgrade from being begun.
  - Reads only. The packages are those of the last C(apt update).
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: It changes nothing.
  idempotent:
    support: full
options:
  wanted:
    description: The versions of the release, by name, such as C(jupyterhub) and C(configurable-http-proxy).
    type: dict
    required: true
  custom:
    description: Inputs that name images of the lab's own, whose versions are not known before they run.
    type: list
    elements: str
    default: []
  docker_socket:
    description: The engine's socket.
    type: path
    default: /var/run/docker.sock
seealso:
  - module: labserver.jupyter.hub_change
"""

EXAMPLES = r"""
- name: Look what an upgrade would change
  labserver.jupyter.hub_upgrade_plan:
    wanted: {jupyterhub: 6.1.1, configurable-http-proxy: 5.3.0}
"""

RETURN = r"""
lines:
  description: What would change, and what would not, to be read.
  type: list
  elements: str
  returned: always
problems:
  description: What keeps the upgrade from being begun, each with what to do.
  type: list
  elements: str
  returned: always
has_backup:
  description: Whether the server makes backups.
  type: bool
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import DockerEngine, EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import upgrade


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "dict", "required": True},
            "custom": {"type": "list", "elements": "str", "default": []},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        current = upgrade.read(upgrade.World(DockerEngine(params["docker_socket"])))
    except (EngineError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    plan = upgrade.compare(current, params["wanted"], params["custom"])
    module.exit_json(changed=False, lines=list(plan.lines), problems=list(plan.problems), has_backup=current.has_backup)


if __name__ == "__main__":
    main()
