#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy
short_description: Put the services of a lab server behind one TLS front door
version_added: 0.1.0
description:
  - Writes C(/etc/nginx/conf.d/labserver.conf) for all sites at once, after C(nginx -t) has read it together with
    everything else that nginx is configured to do, and reloads nginx. A running nginx is never restarted.
  - Certificates are those of C(labserver renew). Where one is missing, a self-signed one stands in, so that nginx can
    start and answer the challenge for the real one.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: The configuration is not tested by nginx in check mode.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(absent) takes the front door off again and leaves nginx and the certificates as they are.
    type: str
    choices: [present, absent]
    default: present
  sites:
    description: What is served.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the site.
        type: str
        required: true
      upstream:
        description: Where it is really served, without a path.
        type: str
        required: true
      server_names:
        description: Host names of the site; none means any name that no other site has.
        type: list
        elements: str
        default: []
      port:
        description: Port of the front door.
        type: int
        default: 443
      certificate:
        description: Name of its certificate; by default O(certificate).
        type: str
      websocket:
        description: Pass websockets on.
        type: bool
        default: true
      max_body_bytes:
        description: Largest request; 0 for no limit.
        type: int
        default: 0
      hsts:
        description:
          - Tell browsers to use TLS only for two years. V(auto) does so when the certificate is a public one.
        type: str
        choices: [auto, always, never]
        default: auto
      read_timeout_seconds:
        description: How long a connection may be silent.
        type: int
        default: 86400
      extra:
        description: Further directives for the location, each with its semicolon.
        type: list
        elements: str
        default: []
      hub_path:
        description:
          - Path of a JupyterHub at this site, that is its base URL.
          - V(any), the default for the site named V(hub), knows it by the words hub, user and services; a hub whose
            base URL is V(/hub/) needs that here.
          - Requests to the hub itself are then limited to 1 MiB, and its logins per address;
            O(sites[].max_body_bytes) is for the servers of people.
        type: str
  certificate:
    description: Name of the certificate of sites that name none.
    type: str
    default: server
  http_port:
    description: Port of plain HTTP, which answers challenges and sends everything else to TLS; 0 for none.
    type: int
    default: 80
  connections_per_address:
    description:
      - How many requests, websockets included, one address may have open at a time; 0 for any number.
      - A whole course may sit behind one address; a JupyterLab needs up to ten.
    type: int
    default: 2000
  names:
    description: What a stand-in certificate is made out to when its site has no names.
    type: list
    elements: str
    default: []
requirements:
  - Python 3.11 or newer, nginx, openssl and systemd on the host
seealso:
  - module: labserver.jupyter.certificates
"""

EXAMPLES = r"""
- name: The hub and the registry behind TLS
  labserver.jupyter.proxy:
    names: ["{{ inventory_hostname }}"]
    sites:
      - name: hub
        upstream: http://127.0.0.1:8000
      - name: registry
        upstream: http://127.0.0.1:5000
        port: 5443
"""

RETURN = r"""
files:
  description: Files that were, or in check mode would be, written or removed.
  type: list
  elements: str
  returned: success
  sample: [/etc/nginx/conf.d/labserver.conf]
placeholders:
  description: Certificates for which a self-signed one stands in now.
  type: list
  elements: str
  returned: success
  sample: [server]
"""

from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import model, plan

ROOT = Path("/")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "sites": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "upstream": {"type": "str", "required": True},
                    "server_names": {"type": "list", "elements": "str", "default": []},
                    "port": {"type": "int", "default": 443},
                    "certificate": {"type": "str"},
                    "websocket": {"type": "bool", "default": True},
                    "max_body_bytes": {"type": "int", "default": 0},
                    "hsts": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
                    "read_timeout_seconds": {"type": "int", "default": 86400},
                    "extra": {"type": "list", "elements": "str", "default": []},
                    "hub_path": {"type": "str"},
                },
            },
            "certificate": {"type": "str", "default": "server"},
            "http_port": {"type": "int", "default": 80},
            "names": {"type": "list", "elements": "str", "default": []},
            "connections_per_address": {"type": "int", "default": 2000},
        },
        required_if=[("state", "present", ["sites", "names"])],
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    http_port = module.params["http_port"]
    found = model.problems(module.params["sites"], http_port=http_port)
    if found:
        module.fail_json(msg="; ".join(found), problems=found)
    sites = tuple(model.from_mapping(item, module.params["certificate"]) for item in module.params["sites"])

    def run(argv: Sequence[str]) -> tuple[int, str]:
        status, output, errors = module.run_command(list(argv))
        return status, output + errors

    try:
        if module.params["state"] == "absent":
            steps = plan.removal(ROOT)
        else:
            desired = plan.Desired(
                sites, http_port, tuple(module.params["names"]), module.params["connections_per_address"]
            )
            steps = plan.compare(desired, plan.read(ROOT, desired, run))
        if steps.changed and not module.check_mode:
            plan.apply(ROOT, steps, run)
    except (OSError, ValueError, RuntimeError, plan.RefusedError) as error:
        module.fail_json(msg=f"could not set up the front door: {error}")
    module.exit_json(
        changed=steps.changed,
        files=[f"/{path}" for path in steps.files],
        placeholders=list(steps.placeholders),
        diff={
            "before_header": f"/{plan.CONFIG}",
            "after_header": f"/{plan.CONFIG}",
            "before": steps.before,
            "after": steps.after,
        },
    )


if __name__ == "__main__":
    main()
