#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_apt_sources
short_description: Take hand-made entries of one repository out of apt's source files
version_added: 0.1.0
description:
  - Two source files that name one repository with different keys stop apt from reading either. This module takes the
    entries that others wrote out, so that one file of the lab's own can name the repository.
  - Entries of other repositories in the same files stay as they are. A file as it was is kept beside, with
    C(.replaced-by-labserver) at the end of its name, which apt does not read.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  url:
    description: The repository, as it stands in the source files; a slash at its end does not matter.
    type: str
    required: true
  keep:
    description: Name of the file whose entries stay.
    type: str
    required: true
  folder:
    description: Folder of the source files.
    type: path
    default: /etc/apt/sources.list.d
"""

EXAMPLES = r"""
- name: Whoever added Docker's repository by hand
  labserver.jupyter.docker_apt_sources:
    url: https://download.docker.com/linux/debian
    keep: labserver-docker.sources
"""

RETURN = r"""
files:
  description: The files that named the repository.
  type: list
  elements: str
  returned: always
  sample: [/etc/apt/sources.list.d/docker.list]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import apt_sources as core


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "keep": {"type": "str", "required": True},
            "folder": {"type": "path", "default": "/etc/apt/sources.list.d"},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    try:
        found = core.compare(Path(module.params["folder"]), module.params["url"], module.params["keep"])
        if not module.check_mode:
            core.apply(found)
    except OSError as error:
        module.fail_json(msg=f"the package sources cannot be read or changed: {error}")
    module.exit_json(
        changed=bool(found),
        files=[str(item.path) for item in found],
        diff=[
            {"before_header": str(i.path), "after_header": str(i.path), "before": i.before, "after": i.after}
            for i in found
        ],
    )


if __name__ == "__main__":
    main()
