#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_in_use
short_description: Images that a host uses
version_added: 0.1.0
description:
  - Tells the images that a host uses, in the form that O(labserver.jupyter.registry_prune#module:in_use) takes. Those
    are the images of all its containers (stopped ones included), what people chose last at its hub, the hub's default
    image, and those that the inventory names. What the hub merely lists is not used.
  - With O(reports), writes what other hosts said into files that the registry's weekly job reads. The time of such a
    file tells when its host said so last.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The reports are lists of digests.
  idempotent:
    support: full
options:
  docker_socket:
    description:
      - Socket of the engine. A host without one has no containers. Where Docker is installed and its socket is
        missing, the module fails, since nobody knows what its containers use.
    type: path
    default: /var/run/docker.sock
  host:
    description:
      - Name of the host in the report, by which reports are told apart. Two hosts may well call themselves C(debian).
      - The host's own name when nothing is given.
    type: str
  reports:
    description: What this module returned on other hosts, to be written into O(folder). Then no engine is asked.
    type: list
    elements: dict
    suboptions:
      host:
        description: Name of the host.
        type: str
        required: true
      images:
        description: The images in use there.
        type: list
        elements: dict
        required: true
  folder:
    description: Where O(reports) are written, one file a host.
    type: path
    default: /etc/labserver/registry/in-use.d
requirements:
  - Python 3.11 or newer on the host
"""

EXAMPLES = r"""
- name: Which images do the containers here use
  labserver.jupyter.registry_in_use:
  register: in_use
"""

RETURN = r"""
report:
  description: The images in use here, as O(reports) and O(labserver.jupyter.registry_prune#module:in_use) take them.
  type: dict
  returned: when O(reports) is not given
  contains:
    host:
      description: Name of the host.
      type: str
      sample: lab1
    images:
      description: The images in use.
      type: list
      elements: dict
      sample: [{id: "sha256:...", digests: [], references: ["127.0.0.1:5000/notebook:1.0"], user: jupyter-alice}]
"""

import json
import os
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import SOCKET, EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import uses
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.config import Entry, difference, write
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protect import ProtectionError, report_file


def files(module: AnsibleModule) -> list[Entry]:
    """Return the reports as the files that shall be there."""
    folder = Path(module.params["folder"])
    entries = []
    for report in module.params["reports"]:
        content = {"version": 1, "host": report["host"], "images": report["images"]}
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        entries.append(Entry(report_file(folder, report["host"]), 0o644, content=text))
    return entries


def sockets(path: str) -> list[str]:
    """Return the engine to ask; none on a host without Docker."""
    if not Path(path).exists() and shutil.which("dockerd") is not None:
        raise ProtectionError(f"{path} is missing though Docker is installed; start it (systemctl start docker)")
    return [path] if Path(path).exists() else []


def main() -> None:
    """Ask, or write."""
    module = AnsibleModule(
        argument_spec={
            "docker_socket": {"type": "path", "default": SOCKET},
            "host": {"type": "str"},
            "reports": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "host": {"type": "str", "required": True},
                    "images": {"type": "list", "elements": "dict", "required": True},
                },
            },
            "folder": {"type": "path", "default": "/etc/labserver/registry/in-use.d"},
        },
        supports_check_mode=True,
    )
    socket = module.params["docker_socket"]
    try:
        if module.params["reports"] is not None:
            entries = files(module)
            changed = any(difference(entry) for entry in entries)
            if not module.check_mode:
                Path(module.params["folder"]).mkdir(parents=True, exist_ok=True)
                for entry in entries:
                    write(entry)  # also when it says the same: its time tells when the host said so
            module.exit_json(changed=changed)
        images = uses.read(uses.Sources(docker_sockets=sockets(socket)))
    except (EngineError, OSError, ProtectionError) as error:
        module.fail_json(msg=f"The images in use are not known: {error}")
    name = module.params["host"] or os.uname().nodename
    module.exit_json(changed=False, report={"host": name, "images": images})


if __name__ == "__main__":
    main()
