#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: Say which certificates a lab server has
version_added: 0.1.0
description:
  - Writes C(/etc/labserver/certificates.json), from which C(labserver renew) gets, installs, deploys and checks the
    certificates of the host, by host cron and at the end of the role C(certificates).
  - Gets no certificate itself. It returns what C(labserver renew) would get, which makes check mode tell the truth.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: In check mode it also counts as a change when a certificate would be got.
  diff_mode:
    support: full
    details: Environments and keys are not shown.
  idempotent:
    support: full
options:
  certificates:
    description: All certificates of the host.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the certificate and of its folder below C(/etc/labserver/tls).
        type: str
        required: true
      names:
        description: Host names and addresses for which it is made out.
        type: list
        elements: str
        required: true
      source:
        description: Who makes it.
        type: str
        choices: [acme, container_exec, internal_ca, self_signed, files]
        required: true
      key_type:
        description: Kind of key.
        type: str
        choices: [ecdsa, rsa]
      renew_fraction:
        description: Renew when so much of the lifetime is left; by default a third, or half for less than ten days.
        type: float
      warn_fraction:
        description: Warn when so much of the lifetime is left; by default a quarter.
        type: float
      hsts:
        description: Have the proxy tell browsers to use TLS only; by default for O(certificates[].source=acme).
        type: bool
      acme:
        description: Options of certbot, see the role C(certificates).
        type: dict
      container_exec:
        description: Options of the command in a container, see the role C(certificates).
        type: dict
      internal_ca:
        description: Options of the lab's own authority, see the role C(certificates).
        type: dict
      self_signed:
        description: Options of a self-signed certificate, see the role C(certificates).
        type: dict
      files:
        description: Where a certificate that somebody else made is, see the role C(certificates).
        type: dict
      deploy:
        description: Where it is copied to, what is reloaded and where it must be served.
        type: list
        elements: dict
  ca:
    description: The lab's own authority; keys C(keeper), C(name), C(domains), C(networks) and C(registries).
    type: dict
    default: {}
requirements:
  - Python 3.11 or newer and openssl on the host
seealso:
  - module: labserver.jupyter.schedule
"""

EXAMPLES = r"""
- name: The certificate of the hub, by the lab's own authority
  labserver.jupyter.certificates:
    ca: {keeper: true}
    certificates:
      - name: server
        names: [hub.lab.example.org]
        source: internal_ca
"""

RETURN = r"""
due:
  description: Certificate and why C(labserver renew) would renew it now.
  type: dict
  returned: success
  sample: {server: there is none yet}
"""

from datetime import UTC, datetime
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import config, model
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock

ROOT = Path("/")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "names": {"type": "list", "elements": "str", "required": True},
                    "source": {
                        "type": "str",
                        "choices": ["acme", "container_exec", "internal_ca", "self_signed", "files"],
                        "required": True,
                    },
                    "key_type": {"type": "str", "choices": ["ecdsa", "rsa"], "no_log": False},
                    "renew_fraction": {"type": "float"},
                    "warn_fraction": {"type": "float"},
                    "hsts": {"type": "bool"},
                    "acme": {"type": "dict"},
                    "container_exec": {"type": "dict"},
                    "internal_ca": {"type": "dict"},
                    "self_signed": {"type": "dict"},
                    "files": {"type": "dict"},
                    "deploy": {"type": "list", "elements": "dict"},
                },
            },
            "ca": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    certificates = module.params["certificates"]
    found = model.problems(certificates, "certificates")
    if found:
        module.fail_json(msg="; ".join(found), problems=found)
    try:
        steps = config.compare(ROOT, config.desired(certificates, module.params["ca"]), datetime.now(UTC))
        if not module.check_mode:
            config.apply(ROOT, steps)
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"could not say which certificates this host has: {error}")
    module.exit_json(
        changed=steps.content is not None or (module.check_mode and bool(steps.due)),
        due=dict(steps.due),
        diff={
            "before_header": f"/{model.CONFIG}",
            "after_header": f"/{model.CONFIG}",
            "before": steps.before,
            "after": steps.after,
        },
    )


if __name__ == "__main__":
    main()
