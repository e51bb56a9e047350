#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: outgoing_proxy
short_description: Name the proxy through which a lab server reaches the outside
version_added: 0.1.0
description:
  - Writes the proxy's address for apt (C(/etc/apt/apt.conf.d/80labserver-outgoing)), for the Docker engine (a drop-in
    of its unit) and for the jobs of the host (C(/etc/labserver/outgoing.env)), or removes all three where there is
    none.
  - The engine reads the address when it starts. The module notes that a restart is due
    (M(labserver.jupyter.host_services)) and restarts nothing itself.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Passwords in addresses are not shown.
  idempotent:
    support: full
options:
  http_proxy:
    description: Address of the proxy, such as V(http://proxy.example.org:3128). Empty for none.
    type: str
    default: ""
  https_proxy:
    description: Address of the proxy for TLS, when it is another one.
    type: str
    default: ""
  no_proxy:
    description: Host names, domains that begin with a dot, addresses and networks that are reached without the proxy.
    type: list
    elements: str
    default: []
seealso:
  - module: labserver.jupyter.host_services
"""

EXAMPLES = r"""
- name: Reach the outside through the proxy of the institute
  labserver.jupyter.outgoing_proxy:
    http_proxy: http://proxy.example.org:3128
    no_proxy: [.example.org, 10.0.0.0/8]
"""

RETURN = r"""
files:
  description: Files that were, or in check mode would be, written or removed.
  type: list
  elements: str
  returned: success
  sample: [/etc/labserver/outgoing.env]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import outgoing

ROOT = Path("/")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            # An address may hold a password.
            "http_proxy": {"type": "str", "default": "", "no_log": True},
            "https_proxy": {"type": "str", "default": "", "no_log": True},
            "no_proxy": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    inputs = (module.params["http_proxy"], module.params["https_proxy"], module.params["no_proxy"])
    found = outgoing.problems(*inputs, label="")
    if found:
        module.fail_json(msg="; ".join(found), problems=found)
    try:
        plan = outgoing.compare(ROOT, outgoing.desired(*inputs))
        if plan.files and not module.check_mode:
            outgoing.apply(ROOT, plan)
    except OSError as error:
        module.fail_json(msg=f"could not write how this host reaches the outside: {error}")
    header = f"/{outgoing.outgoing.FILE}"
    module.exit_json(
        changed=bool(plan.files),
        files=[f"/{file.path}" for file in plan.files],
        diff={"before_header": header, "after_header": header, "before": plan.before, "after": plan.after},
    )


if __name__ == "__main__":
    main()
