#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_install
short_description: Install a bundle on a host without a way out
version_added: 0.2.0
description:
  - Reads a whole bundle on the controller and compares each part with the manifest and the manifest with its signature.
    Then it compares the bundle with the host, copies it there, unpacks it, and puts it in the place of the one before.
  - Refuses, before anything on the host is touched, a bundle that is damaged or not whole, that somebody else signed,
    that is older than the one that is installed, made for another system or processor, that lacks an image which the
    inventory asks for, or for which there is not enough room.
  - Afterwards M(labserver.jupyter.packages) knows the packages of the bundle and no others, and
    M(labserver.jupyter.bundle_images) loads its images.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: What is in a bundle is returned.
  idempotent:
    support: full
options:
  file:
    description: The bundle on the controller.
    type: path
  public_key:
    description: A file on the controller with the public Ed25519 key of the one who made the bundle; empty for none.
    type: str
    default: ""
  accept_unsigned:
    description: Accept a bundle without a signature, or without a key to judge it by.
    type: bool
    default: false
  accept_older:
    description: Accept a bundle that is older than the one that is installed.
    type: bool
    default: false
  images:
    description: Names of the images that the inventory asks for on this host.
    type: list
    elements: str
    default: []
  manifest:
    description: Set by the controller's side of this module, the manifest that it verified.
    type: str
  archive:
    description: Set by the controller's side of this module, the copy of the bundle on the host.
    type: path
  incoming:
    description: Set by the controller's side of this module, the folder on the host that the copy will be in.
    type: path
  archive_bytes:
    description: Set by the controller's side of this module, the size of the bundle.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Install the bundle
  labserver.jupyter.bundle_install:
    file: /media/stick/lab.bundle
    public_key: /home/admin/bundle.pub
"""

RETURN = r"""
created:
  description: The time of the bundle.
  type: str
  returned: success
references:
  description: The names of the images in the bundle.
  type: list
  elements: str
  returned: success
packages:
  description: The Debian packages in the bundle.
  type: list
  elements: str
  returned: success
"""

import platform
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle import images, install
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle.model import BundleError
from ansible_collections.labserver.jupyter.plugins.module_utils._common import paths, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import (
    SOCKET,
    DockerEngine,
    EngineError,
)

CURRENT = Path(paths.BUNDLE)
ENGINE = Path("/var/lib/docker")


def read(module: AnsibleModule, desired: install.Desired, content: bytes | None) -> install.Current:
    """Look at the host."""
    system = platform.freedesktop_os_release()
    unpacked, loaded = install.needs(desired.manifest, CURRENT if content is not None else None)
    written = [(CURRENT.parent, unpacked), (ENGINE, loaded)]
    if module.params["incoming"] and not module.params["archive"]:
        written.append((Path(module.params["incoming"]), module.params["archive_bytes"]))
    _status, architecture, _errors = module.run_command(["dpkg", "--print-architecture"])
    return install.Current(
        f"{system['ID']} {system.get('VERSION_ID', '')}", architecture.strip(), content, install.free(written)
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "file": {"type": "path"},
            "public_key": {"type": "str", "default": "", "no_log": False},
            "accept_unsigned": {"type": "bool", "default": False},
            "accept_older": {"type": "bool", "default": False},
            "images": {"type": "list", "elements": "str", "default": []},
            "manifest": {"type": "str"},
            "archive": {"type": "path"},
            "incoming": {"type": "path"},
            "archive_bytes": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    given = module.params
    if given["manifest"] is None:
        module.fail_json(msg="manifest: is missing; the controller's side of this module reads it from the bundle")
    try:
        wanted = tuple(given["images"])
        held = tuple(images.present(DockerEngine(), wanted)) if Path(SOCKET).exists() else ()
        desired = install.Desired(given["manifest"].encode(), wanted, held, given["accept_older"])
        content = install.installed(CURRENT)
        needed = content != desired.content
        # An inventory may ask for more than the bundle that is installed already.
        problems = install.compare(desired, read(module, desired, content)) if needed else install.missing(desired)
        if problems:
            module.fail_json(msg="\n".join([*problems, "Nothing was changed on this host."]))
        if needed and given["archive"] and not module.check_mode:
            install.apply(desired, Path(given["archive"]), CURRENT)
    except (BundleError, EngineError, OSError) as error:
        module.fail_json(msg=f"the bundle was not installed, and what was there before is as it was: {error}")
    module.exit_json(changed=needed)


if __name__ == "__main__":
    main()
