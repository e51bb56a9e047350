#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_images
short_description: Load the images of the bundle that is installed
version_added: 0.2.0
description:
  - Compares the images of the bundle that M(labserver.jupyter.bundle_install) unpacked with those of the host's engine,
    and loads those that are missing or differ, all in one call. Without a bundle it does nothing.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The names of the images are returned.
  idempotent:
    support: full
options:
  coming:
    description: Say in check mode that images would be loaded, because a bundle would be installed before.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Load the images of the bundle
  labserver.jupyter.bundle_images:
"""

RETURN = r"""
loaded:
  description: The images that were loaded, or would be.
  type: list
  elements: str
  returned: success
  sample: ["labserver/hub:0123456789ab"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle import images, install, model
from ansible_collections.labserver.jupyter.plugins.module_utils._common import paths, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import DockerEngine, EngineError


def main() -> None:
    module = AnsibleModule(argument_spec={"coming": {"type": "bool", "default": False}}, supports_check_mode=True)
    run_lock.working(module.check_mode)
    bundle = Path(paths.BUNDLE)
    if module.check_mode and module.params["coming"]:
        module.exit_json(changed=True, loaded=[])
    try:
        content = install.installed(bundle)
        there = model.read(content).images if content is not None else ()
        engine = DockerEngine()
        missing = images.compare(there, images.present(engine, [image.reference for image in there]))
        if not module.check_mode:
            images.load(missing, bundle)
    except (model.BundleError, EngineError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(missing), loaded=[image.reference for image in missing])


if __name__ == "__main__":
    main()
