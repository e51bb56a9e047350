#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_make
short_description: Make a bundle for lab servers that have no way out
version_added: 0.2.0
description:
  - Writes one file with images of this host's engine, Debian packages with all that they depend on, and the collection.
    A manifest in it names the size and the SHA-256 of each part, and is signed where there is a key.
  - Equal content gives equal bytes. A bundle that is there and has the same content stays as it is.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: partial
    details: Says that the bundle would be made; whether it would differ from the one that is there is not known then.
  diff_mode:
    support: none
    details: What is in a bundle is returned.
  idempotent:
    support: full
options:
  output:
    description: The file to write.
    type: path
    required: true
  images:
    description: Names of images with their tags; the engine has them.
    type: list
    elements: str
    required: true
  packages:
    description: Names of Debian packages.
    type: list
    elements: str
    required: true
  collection:
    description: The archive that C(ansible-galaxy collection build) made.
    type: path
    required: true
  collection_version:
    description: The version of the collection.
    type: str
    required: true
  signing_key:
    description: A file with the private Ed25519 key that signs the bundle; empty for none.
    type: str
    default: ""
  epoch:
    description:
      - The time that the bundle gets, in seconds since 1970, as in the variable E(SOURCE_DATE_EPOCH). Without one, a
        new bundle gets the time at which it is made.
    type: int
"""

EXAMPLES = r"""
- name: Make a bundle
  labserver.jupyter.bundle_make:
    output: /srv/lab.bundle
    images: ["labserver/hub:0123456789ab"]
    packages: [docker.io, nginx]
    collection: /tmp/labserver-jupyter-0.1.0.tar.gz
    collection_version: 0.1.0
    signing_key: /root/bundle.key
"""

RETURN = r"""
created:
  description: The time of the bundle.
  type: str
  returned: success
size:
  description: The size of its parts in bytes.
  type: int
  returned: success
packages:
  description: How many Debian packages it has.
  type: int
  returned: success
"""

import platform
import time
from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle import make as core
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle.model import BundleError
from ansible_collections.labserver.jupyter.plugins.module_utils._common import outgoing


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "output": {"type": "path", "required": True},
            "images": {"type": "list", "elements": "str", "required": True},
            "packages": {"type": "list", "elements": "str", "required": True},
            "collection": {"type": "path", "required": True},
            "collection_version": {"type": "str", "required": True},
            "signing_key": {"type": "str", "default": "", "no_log": False},
            "epoch": {"type": "int"},
        },
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode:
        module.exit_json(changed=True)

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        environment = {**outgoing.environment(), "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        status, out, err = module.run_command(list(command), environ_update=environment)
        return int(status), str(out), str(err)

    system = platform.freedesktop_os_release()
    desired = core.Desired(
        Path(given["output"]),
        tuple(sorted(set(given["images"]))),
        tuple(sorted(set(given["packages"]))),
        Path(given["collection"]),
        given["collection_version"],
        Path(given["signing_key"]) if given["signing_key"] else None,
        given["epoch"],
    )
    architecture = run(["dpkg", "--print-architecture"])[1].strip()
    world = core.World(run, time.time, f"{system['ID']} {system.get('VERSION_ID', '')}", architecture)
    try:
        outcome = core.converge(desired, world)
    except (BundleError, OSError) as error:
        module.fail_json(msg=str(error))
    made = outcome.manifest
    module.exit_json(changed=outcome.changed, created=made.created, size=made.size, packages=len(made.packages))


if __name__ == "__main__":
    main()
