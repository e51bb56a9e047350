#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_config
short_description: Write the configuration and the users of the lab's image registry
version_added: 0.1.0
description:
  - Makes the folders of the registry, writes its configuration, generates passwords that were not given, and writes the
    htpasswd files by which the registry's front tells pushers from pullers. All in one call.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Passwords and their hashes are never shown.
  idempotent:
    support: partial
    details: With O(rotate) a new password is made each time.
options:
  folder:
    description: Folder of the configuration on the host.
    type: path
    default: /etc/labserver/registry
  data:
    description: Folder of the registry's store on the host.
    type: path
    default: /srv/labserver/registry
  uid:
    description: User id and group id that the registry runs as.
    type: int
    default: 64101
  users:
    description: The users of the registry. The secrets of users that are not listed any more are removed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      access:
        description: V(push) may pull, push and delete; V(pull) may only pull.
        type: str
        choices: [push, pull]
        required: true
      password:
        description: The password. Without one, it is generated once and kept in the folder C(secrets) below O(folder).
        type: str
        default: ""
  rotate:
    description: Names of users whose generated password is replaced by a new one.
    type: list
    elements: str
    default: []
  files:
    description: Configuration files for the container, file name to content.
    type: dict
    required: true
  maintenance:
    description: Configuration of the maintenance job, as a document.
    type: dict
  services:
    description:
      - What C(labserver status) and the watch look after, written to C(services.d/registry.json) beside O(folder).
      - See the page on files that the rooms exchange for the keys.
    type: list
    elements: dict
  caches:
    description:
      - Caches of other registries, which run in a container of their own. C(data) and C(socket) are folders of the
        host, C(caches) a list of C(name), C(upstream), C(username) and C(password), and C(configuration) is the content
        of nginx's file.
      - Their files also name the proxy that the role C(docker) wrote down for this host.
    type: dict
    suboptions:
      data:
        description: Folder of the host for what is kept.
        type: path
        required: true
      socket:
        description: Folder of the host in which the caches and the registry's front meet.
        type: path
        required: true
      min_free_bytes:
        description: So much of the disk stays free.
        type: int
        required: true
      caches:
        description: The caches.
        type: list
        elements: dict
        required: true
      configuration:
        description: Content of nginx's configuration.
        type: str
        required: true
requirements:
  - Python 3.11 or newer on the host
"""

EXAMPLES = r"""
- name: Configure the registry
  labserver.jupyter.registry_config:
    users:
      - {name: pusher, access: push}
      - {name: puller, access: pull}
    files:
      config.yml: "{{ lookup('ansible.builtin.template', 'config.yml.j2') }}"
"""

RETURN = r"""
actions:
  description: What was changed, or would be in check mode.
  type: list
  elements: dict
  returned: success
  sample: [{what: create, path: /etc/labserver/registry}]
generated:
  description: Names of the users who got a new password.
  type: list
  elements: str
  returned: success
  sample: [pusher, puller]
config_hash:
  description: Hash of O(files); a container that runs with another one has to be replaced.
  type: str
  returned: success
  sample: 1f3870be274f
caches_hash:
  description: The same for the container of O(caches); empty without them.
  type: str
  returned: success
  sample: 8b1a9953c461
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import outgoing, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import config as core
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.caches import Caches
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.users import User


def _services(items: list[dict[str, Any]]) -> str:
    return json.dumps({"version": 1, "services": items}, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Plan, show, apply."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "default": "/etc/labserver/registry"},
            "data": {"type": "path", "default": "/srv/labserver/registry"},
            "uid": {"type": "int", "default": 64101},
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "access": {"type": "str", "choices": ["push", "pull"], "required": True},
                    "password": {"type": "str", "default": "", "no_log": True},
                },
            },
            "rotate": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "dict", "required": True},
            "maintenance": {"type": "dict"},
            "services": {"type": "list", "elements": "dict"},
            "caches": {
                "type": "dict",
                "options": {
                    "data": {"type": "path", "required": True},
                    "socket": {"type": "path", "required": True},
                    "min_free_bytes": {"type": "int", "required": True},
                    "caches": {"type": "list", "elements": "dict", "required": True},
                    "configuration": {"type": "str", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    given = module.params
    maintenance = given["maintenance"]
    caches = given["caches"] and Caches(
        **{**given["caches"], "data": Path(given["caches"]["data"]), "socket": Path(given["caches"]["socket"])},
        outgoing=outgoing.render(outgoing.environment()),
    )
    desired = core.Desired(
        folder=Path(given["folder"]),
        data=Path(given["data"]),
        uid=given["uid"],
        users=tuple(User(user["name"], user["access"], user["password"]) for user in given["users"]),
        files=given["files"],
        maintenance=None if maintenance is None else json.dumps(maintenance, indent=2, sort_keys=True) + "\n",
        rotate=frozenset(given["rotate"]),
        services=None if given["services"] is None else _services(given["services"]),
        caches=caches,
    )
    try:
        plan = core.compare(desired)
        if not module.check_mode:
            core.apply(plan)
    except OSError as error:
        module.fail_json(msg=f"The registry's configuration cannot be written: {error}")
    module.exit_json(
        changed=bool(plan.actions),
        actions=[{"what": action.what, "path": str(action.entry.path)} for action in plan.actions],
        generated=list(plan.generated),
        config_hash=plan.config_hash,
        caches_hash=caches.hash() if caches else "",
        diff=[
            {
                "before_header": str(action.entry.path),
                "after_header": str(action.entry.path),
                "before": action.before.rstrip("\n") + "\n",
                "after": action.after.rstrip("\n") + "\n",
            }
            for action in plan.actions
        ],
    )


if __name__ == "__main__":
    main()
