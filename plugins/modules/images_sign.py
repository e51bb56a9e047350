#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: images_sign
short_description: Sign images of a registry in cosign's format
version_added: 0.1.0
description:
  - Signs each image that has no signature of O(signing_key) yet, by its digest, and puts the signature beside it into
    the registry, as C(cosign sign --key) does. Signatures of others stay.
  - The private key stays on the controller, which signs. The host reads and writes the registry, so the controller
    needs no way to it.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: An image without a digest is one that is not in the registry yet, and counts as not signed.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  registry:
    description: Host and port of the registry, as the host's engine reaches it.
    type: str
    required: true
  username:
    description: A user who may push.
    type: str
    required: true
  password_file:
    description: File on the host that holds the user's password.
    type: path
    required: true
  url:
    description:
      - How the host reaches the registry. Empty means as its engine does it, a loopback address without TLS and
        everything else with it.
    type: str
    default: ""
  plain_http:
    description: Reach O(registry) without TLS although its address is not a loopback one.
    type: bool
    default: false
  images:
    description: The images. The registry need not have all of them; those that it lacks are in RV(absent).
    type: list
    elements: dict
    required: true
    suboptions:
      repository:
        description: Repository in the registry.
        type: str
        required: true
      digest:
        description:
          - Digest of the manifest, or of the index for several processors. Empty in check mode for what is not there
            yet.
        type: str
        default: ""
      tag:
        description: What people call it, in messages alone.
        type: str
        default: ""
  signing_key:
    description:
      - The private key in PEM, ECDSA on P-256, not encrypted. It is used on the controller and never sent to a host.
    type: str
  signatures:
    description: What the controller signed. For this module's own use.
    type: list
    elements: dict
    default: []
    suboptions:
      repository:
        description: Repository of the image.
        type: str
        required: true
      digest:
        description: Digest of the image.
        type: str
        required: true
      payload:
        description: What was signed, in base64.
        type: str
        required: true
      signature:
        description: The signature in DER, in base64.
        type: str
        required: true
seealso:
  - module: labserver.jupyter.images_publish
"""

EXAMPLES = r"""
- name: The lab's notebook image is signed
  labserver.jupyter.images_sign:
    registry: 127.0.0.1:5000
    username: pusher
    password_file: /etc/labserver/registry/secrets/pusher
    images:
      - repository: notebook
        digest: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    signing_key: "{{ images_signing_key }}"
"""

RETURN = r"""
actions:
  description: What was signed, or would be.
  type: list
  elements: dict
  returned: success
  sample: [{"what": "sign", "name": "notebook:2026.11"}]
absent:
  description: The images that the registry does not have.
  type: list
  elements: dict
  returned: success
  sample: []
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._images import sign as core
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import reach
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient


def main() -> None:
    """Return the signatures that there are, after adding those that were given."""
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "registry": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password_file": {"type": "path", "required": True, "no_log": False},
            "url": {"type": "str", "default": ""},
            "plain_http": {"type": "bool", "default": False},
            "images": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "repository": {"type": "str", "required": True},
                    "digest": {"type": "str", "default": ""},
                    "tag": {"type": "str", "default": ""},
                },
            },
            "signing_key": {"type": "str", "no_log": True},
            "signatures": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"repository": text, "digest": text, "payload": text, "signature": text},
            },
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    registry, secret = module.params["registry"], Path(module.params["password_file"])
    images = [core.Image(**image) for image in module.params["images"]]
    made = module.params["signatures"]
    if not secret.exists():
        if not module.check_mode:
            module.fail_json(
                msg=f"password_file: {secret} does not exist on the host; the role registry makes it, or name another"
            )
        module.exit_json(changed=False, signatures=[], absent=[])  # a bare host: nothing is there yet
    client = RegistryClient(
        module.params["url"] or reach.url(registry, plain_http=module.params["plain_http"]),
        username=module.params["username"],
        password=secret.read_text(encoding="utf-8").strip(),
        ca_files=reach.authorities(registry),
    )
    try:
        if made and not module.check_mode:
            core.apply(client, made)
        found, absent = ([], []) if made else core.current(client, core.once(images))
    except core.SignError as error:
        module.fail_json(msg=str(error))
    told = [{"repository": image.repository, "digest": image.digest} for image in absent]
    module.exit_json(changed=bool(made), signatures=found, absent=told)


if __name__ == "__main__":
    main()
