#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_apps
short_description: Run Docker Compose projects and replace containers exactly when something changed
version_added: 0.1.0
description:
  - Brings a list of Compose projects to their state in one call. Every project is laid out aside and checked by
    C(docker compose config) first; when one is wrong, nothing of any project is touched.
  - Each service carries the label C(org.labserver.config-sha256) over its resolved definition and over the files of
    the project folder that it sees (mounted files, build context, secrets). Its container is replaced exactly when that
    hash or the image behind its name changed.
  - Images are pulled or built before anything stops. When the new containers do not come up, the previous files, images
    and containers come back, unless O(apps[].rollback=false).
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._registry_logins
attributes:
  check_mode:
    support: full
    details: Without Docker Compose on the host only the names of the apps are foreseen. Nothing is pulled.
  diff_mode:
    support: full
    details: Values of secrets are never shown, in no file of the project.
  idempotent:
    support: full
options:
  apps:
    description: The apps. Projects that are not listed are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the project and of its folder.
        type: str
        required: true
      state:
        description: V(absent) removes containers, networks and project files; secrets, volumes and data stay.
        type: str
        choices: [present, absent]
        default: present
      folder:
        description: Folder on the controller, searched below C(files) as by M(ansible.builtin.copy), copied as it is.
        type: path
      definition:
        description: The Compose file itself, written as C(compose.yaml).
        type: dict
      files:
        description:
          - Further files of the project folder, path to text. Wins over O(apps[].folder).
          - Handed on by the action plugin as a list with encoded content.
        type: raw
      compose_files:
        description: The Compose files of the project in their order, later ones over earlier ones.
        type: list
        elements: str
        default: [compose.yaml]
      environment:
        description: Variables for the C($NAME) of the Compose files, kept in C(.env).
        type: dict
        default: {}
      secrets:
        description: Secrets in files of their own, declared to Compose under their names.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the secret; the services list it below C(secrets).
            type: str
            required: true
          value:
            description: The value. Without it one is generated on the host once and kept.
            type: str
          length:
            description: Random bytes of a generated value.
            type: int
            default: 32
          uid:
            description: Numeric owner of the file, for an app that reads it as another user than root.
            type: int
            default: 0
          mode:
            description:
              - Mode of the file. The folder above is closed to everybody but root, so V(0444) opens it to the
                containers that mount it and to nobody else.
            type: str
            default: "0600"
          environment:
            description: Also put the value into C(.env) under this name. Then C(docker inspect) can show it.
            type: str
            default: ""
      networks:
        description: Docker networks of the host that services join besides their own, service to list of names.
        type: dict
        default: {}
      health:
        description: An address that has to answer on the host before the app counts as up.
        type: dict
        suboptions:
          url:
            description: Address with V(http) or V(https).
            type: str
            required: true
          status:
            description: The expected status code; redirects are not followed.
            type: int
            default: 200
          validate_certs:
            description: Whether the certificate is checked.
            type: bool
            default: true
      dump:
        description: A command run in a container before containers are replaced; its output is kept compressed.
        type: dict
        suboptions:
          service:
            description: The service whose container runs the command.
            type: str
            required: true
          command:
            description: The command, as a list.
            type: list
            elements: str
            required: true
          keep:
            description: How many dumps stay.
            type: int
            default: 3
      pull:
        description: When images are pulled. V(always) looks for newer ones at every run.
        type: str
        choices: [missing, always, never]
        default: missing
      wait_seconds:
        description: How long the services and O(apps[].health) may take.
        type: int
        default: 300
      rollback:
        description: Whether the previous project comes back when the new one does not come up.
        type: bool
        default: true
      data_uid:
        description:
          - Numeric owner of the app's data folder, for an image that runs as a user of its own. What is in the folder
            is left as it is. Without it the folder is root's when it is made.
        type: int
      data_gid:
        description: Numeric group of the app's data folder.
        type: int
  folder:
    description: Where the project folders are kept.
    type: path
    default: /etc/labserver/compose
  data_folder:
    description: Where the apps keep data; C($LABSERVER_DATA) is the folder of the app's name below it.
    type: path
    default: /srv/labserver/compose
requirements:
  - Docker Compose 2.17 or newer on the host
seealso:
  - module: community.docker.docker_compose_v2
"""

EXAMPLES = r"""
- name: Run a small site whose password nobody has to invent
  labserver.jupyter.compose_apps:
    apps:
      - name: notes
        definition:
          services:
            web:
              image: registry.lab.example.org/notes:1.4
              ports: ["127.0.0.1:8090:80"]
              secrets: [password]
        secrets:
          - name: password
        health:
          url: http://127.0.0.1:8090/
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be.
  type: list
  elements: dict
  returned: always
  sample: [{what: recreate, name: notes, target: web, reason: site.conf changed}]
dumps:
  description: Dumps that were taken.
  type: list
  elements: str
  returned: always
left:
  description: Secrets, data and volumes of absent apps that are still there.
  type: list
  elements: str
  returned: always
notes:
  description: What the module could not know.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.model import from_params
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.world import ComposeError, World
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import login as docker_login

SECRET = {
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "no_log": True},
    "length": {"type": "int", "default": 32},
    "uid": {"type": "int", "default": 0},
    "mode": {"type": "str", "default": "0600"},
    "environment": {"type": "str", "default": ""},
}
HEALTH = {
    "url": {"type": "str", "required": True},
    "status": {"type": "int", "default": 200},
    "validate_certs": {"type": "bool", "default": True},
}
DUMP = {
    "service": {"type": "str", "required": True},
    "command": {"type": "list", "elements": "str", "required": True},
    "keep": {"type": "int", "default": 3},
}
APP: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "folder": {"type": "path"},
    "definition": {"type": "dict"},
    "files": {"type": "raw"},
    "compose_files": {"type": "list", "elements": "str", "default": ["compose.yaml"]},
    "environment": {"type": "dict", "default": {}},
    "secrets": {"type": "list", "elements": "dict", "default": [], "options": SECRET, "no_log": False},
    "networks": {"type": "dict", "default": {}},
    "health": {"type": "dict", "options": HEALTH},
    "dump": {"type": "dict", "options": DUMP},
    "pull": {"type": "str", "choices": ["missing", "always", "never"], "default": "missing"},
    "wait_seconds": {"type": "int", "default": 300},
    "rollback": {"type": "bool", "default": True},
    "data_uid": {"type": "int"},
    "data_gid": {"type": "int"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "apps": {"type": "list", "elements": "dict", "required": True, "options": APP},
            "folder": {"type": "path", "default": "/etc/labserver/compose"},
            "data_folder": {"type": "path", "default": "/srv/labserver/compose"},
            "registry_logins": {"type": "list", "elements": "dict", "default": [], "options": docker_login.OPTIONS},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    try:
        login = docker_login.environment(module.params["registry_logins"], Path(module.tmpdir) / ".docker")
    except ValueError as error:
        module.fail_json(msg=str(error))
    environment = {"LC_ALL": "C.UTF-8", **login}

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        status, out, err = module.run_command(list(command), environ_update=environment, handle_exceptions=False)
        return status, out, err

    def run_or_127(command: Sequence[str]) -> tuple[int, str, str]:
        try:
            return run(command)
        except OSError as error:  # no docker on the host
            return 127, "", str(error)

    world = World(run_or_127, Path(module.params["folder"]), Path(module.params["data_folder"]))
    try:
        outcome = core.converge(
            world, [from_params(app) for app in module.params["apps"]], module.check_mode, Path(module.tmpdir)
        )
    except ComposeError as error:
        module.fail_json(msg=str(error))
    for warning in outcome.warnings:
        module.warn(warning)
    result = {
        "changed": outcome.changed,
        "actions": [action.as_dict() for action in outcome.actions],
        "diff": outcome.diff,
        "dumps": outcome.dumps,
        "left": outcome.left,
        "notes": outcome.notes,
    }
    if outcome.errors:
        module.fail_json(msg="\n".join(outcome.errors), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
