#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: updates
short_description: Say which updates a lab server installs by itself, and when it may be restarted
version_added: 0.2.0
description:
  - Writes C(/etc/apt/apt.conf.d/95labserver-updates) for Debian's C(unattended-upgrades), which installs updates of
    security and leaves out Docker and NVIDIA's driver, a file by which C(needrestart) leaves Docker alone, and
    C(/etc/labserver/updates.json) for the job C(labserver updates-window). Without a policy it removes all three.
  - Files that the distribution or somebody else wrote stay as they are. Where one of them, or another program, has the
    last word over updates, the module warns of it by name.
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
  policy:
    description:
      - Keys C(security), C(engine) and C(reboot) as in the input C(labserver_updates) of the role C(updates). Empty for
        the host's own settings.
    type: dict
    default: {}
seealso:
  - module: labserver.jupyter.schedule
"""

EXAMPLES = r"""
- name: Install updates of security, and restart on Sundays
  labserver.jupyter.updates:
    policy:
      security: true
      reboot: {weekday: sunday, time: "04:00", notice_hours: 24}
"""

RETURN = r"""
files:
  description: Files that were, or in check mode would be, written or removed.
  type: list
  elements: str
  returned: success
  sample: [/etc/apt/apt.conf.d/95labserver-updates]
others:
  description: What else has a say in the updates of this host, one sentence each.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._updates import announce, settings
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.input import problems
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.policy import policy

ROOT = Path("/")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"policy": {"type": "dict", "default": {}}},
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    given = module.params["policy"]
    found = problems({"updates_policy": given}, "policy")
    if found:
        module.fail_json(msg="; ".join(found), problems=found)
    try:
        wanted = policy(given)
        plan = settings.compare(ROOT, wanted)
        if plan.files and not module.check_mode:
            settings.apply(ROOT, plan)
        if (wanted is None or wanted.reboot is None) and not module.check_mode:
            announce.tell(ROOT, [])
        others = settings.others(ROOT) if wanted else []
    except (KeyError, TypeError, ValueError) as error:
        module.fail_json(msg=f"policy cannot be understood: {error!r}; see the role updates for what it takes")
    except OSError as error:
        module.fail_json(msg=f"could not write which updates are installed: {error}")
    for sentence in others:
        module.warn(sentence)
    module.exit_json(
        changed=bool(plan.files),
        files=[f"/{file.path}" for file in plan.files],
        others=others,
        diff=[
            {
                "before_header": f"/{file.path}",
                "after_header": f"/{file.path}",
                "before": before,
                "after": file.text,
            }
            for file, before in zip(plan.files, plan.before, strict=True)
        ],
    )


if __name__ == "__main__":
    main()
