#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install packages, also where apt's lists are empty or old
version_added: 0.1.0
description:
  - Installs the packages that are missing, without recommended ones. Installed packages are not upgraded.
  - Fetches the package lists before that where apt does not know one of the packages, where there are no lists, where
    they are older than a day, or where the packages can no longer be downloaded as the lists say. A freshly made image
    often has empty lists in a young folder, which C(cache_valid_time) of M(ansible.builtin.apt) takes for fresh ones.
  - Waits five minutes for another apt, finishes an installation that was cut off, and keeps C(needrestart) from
    restarting services such as the Docker engine.
  - Where M(labserver.jupyter.bundle_install) installed a bundle, apt knows the packages of the bundle and no others.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: The lists are a cache and are fetched in check mode too; otherwise a bare host could not be looked at.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: Names of packages.
    type: list
    elements: str
    required: true
  lists:
    description: Make sure that there are package lists though nothing is to be installed; a later task asks apt.
    type: bool
    default: false
  refresh:
    description: Fetch the lists in any case before something is installed, because a package source was just added.
    type: bool
    default: false
  kernel_modules:
    description:
      - Modules of the kernel, each with the package that brings it where the running kernel lacks it; C(%k) in the name
        stands for the kernel's release. A package that apt does not know is left out.
    type: dict
    default: {}
  outgoing:
    description: Variables that lead apt to the lab's proxy. The controller's side of this module sets them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Install what CIFS shares need
  labserver.jupyter.packages:
    name: [cifs-utils, keyutils]
    kernel_modules: {cifs: linux-modules-extra-%k}
"""

RETURN = r"""
missing:
  description: The packages that were missing.
  type: list
  elements: str
  returned: success
  sample: [cifs-utils]
refreshed:
  description: Why the package lists were fetched; empty where they were not.
  type: str
  returned: success
  sample: the host has no package lists
"""

import platform
import time
from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import outgoing, paths, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._host import packages as core

LISTS = Path("/var/lib/apt/lists")
BUNDLE = Path(paths.BUNDLE)
FROM_BUNDLE = (
    ". This host was set up from a bundle, and apt knows what is in it alone: make one with these packages or images "
    f"(playbooks/bundle.yml), or remove {BUNDLE} if the host has a way out by now"
)


def bundled() -> dict[str, str]:
    """Return what makes apt know nothing but the bundle, on a host that was set up from one; otherwise nothing."""
    settings = BUNDLE / "apt.conf"
    return {"APT_CONFIG": str(settings)} if settings.is_file() else {}


def lists_age() -> float | None:
    """Return the seconds since lists were last fetched; None when there are none, however young the folder is."""
    if bundled():
        return 0.0 if any((BUNDLE / "lists").glob("*_Packages*")) else None  # they are as old as the bundle
    if not any(LISTS.glob("*_Packages*")):
        return None
    # Files carry the archive's own times; apt makes and removes files in these folders when it fetches.
    return time.time() - max(path.stat().st_mtime for path in (LISTS, LISTS / "partial") if path.exists())


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "lists": {"type": "bool", "default": False},
            "refresh": {"type": "bool", "default": False},
            "kernel_modules": {"type": "dict", "default": {}},
            "outgoing": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)

    def run(command: Sequence[str]) -> tuple[int, str]:
        if module.get_bin_path(command[0]) is None:  # run_command would end the module
            return core.NOT_FOUND, f"{command[0]} is not installed"
        status, out, err = module.run_command(
            list(command), environ_update={**module.params["outgoing"], **core.ENVIRONMENT, **bundled()}
        )
        return status, out + err

    modules = {
        name: package.replace("%k", platform.release()) for name, package in module.params["kernel_modules"].items()
    }
    desired = core.Desired(
        tuple(module.params["name"]), module.params["refresh"], module.params["lists"], kernel_modules=modules
    )
    try:
        outcome = core.converge(desired, core.World(run, lists_age, time.sleep), check=module.check_mode)
    except core.PackagesError as error:
        module.fail_json(msg=outgoing.explained(str(error)) + (FROM_BUNDLE if bundled() else ""))
    after = "".join(f"{line}\n" for line in outcome.installed)
    module.exit_json(
        changed=bool(outcome.missing),
        missing=list(outcome.missing),
        refreshed=outcome.refreshed,
        diff={"before": "", "after": after, "before_header": "packages", "after_header": "packages"},
    )


if __name__ == "__main__":
    main()
