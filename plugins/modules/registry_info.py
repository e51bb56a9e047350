#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_info
short_description: Repositories, tags, ages and sizes of an image registry
version_added: 0.1.0
description:
  - Lists what a registry holds, by the OCI distribution API, or on the store of a registry on this host.
  - Only the store knows when a tag was pushed and which manifests have no tag.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
options:
  repositories:
    description:
      - Patterns of the repositories to read. C(*) and C(?) stop at C(/), C(**) does not; after C(~) comes a regular
        expression.
    type: list
    elements: str
    default: ["**"]
  store:
    description: Folder of the registry's store on this host, read instead of asking the API; 20 to 60 times faster.
    type: path
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: labserver.jupyter.registry_prune
"""

EXAMPLES = r"""
- name: Read the lab's registry
  labserver.jupyter.registry_info:
    username: puller
    password_file: /etc/labserver/registry/secrets/puller
  register: registry

- name: Show the size of each repository
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.size_bytes | ansible.builtin.human_readable }}"
  loop: "{{ registry.repositories }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
repositories:
  description: The repositories that match, with their tags.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the repository.
      type: str
      sample: notebooks/leem
    tags:
      description: Its tags.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the tag.
          type: str
          sample: "1.0"
        digest:
          description: What it points to.
          type: str
          sample: sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
        media_type:
          description: Media type of the manifest.
          type: str
          sample: application/vnd.oci.image.index.v1+json
        kind:
          description: One of C(image), C(index), C(artifact), C(schema1) and C(unknown).
          type: str
          sample: index
        artifact_type:
          description: What kind of artifact it is, if it is one.
          type: str
          sample: ""
        subject:
          description: Digest of the manifest that this one is about, if any.
          type: str
          sample: null
        platforms:
          description: Platforms of the image.
          type: list
          elements: str
          sample: [linux/amd64, linux/arm64]
        created:
          description: When it was built. Null when that is not known or cannot be true.
          type: str
          sample: "2026-11-20T09:00:00Z"
        pushed:
          description: When the tag was last pushed; null over the API, which does not tell.
          type: str
          sample: null
        size_bytes:
          description: What a complete pull transfers.
          type: int
          sample: 52428800
        unique_bytes:
          description: The part of it that no other tag needs.
          type: int
          sample: 1048576
        shared_bytes:
          description: The part of it that other tags need as well.
          type: int
          sample: 51380224
    size_bytes:
      description: Bytes that the repository's tags need together.
      type: int
      sample: 104857600
    untagged:
      description: Manifests that neither a tag nor an index names; null over the API, which does not list them.
      type: list
      elements: str
      sample: null
    problems:
      description: What could not be read.
      type: list
      elements: str
      sample: []
size_bytes:
  description: Bytes that all tags that were read need together.
  type: int
  returned: success
  sample: 104857600
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import params as shared
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.facts import Repository
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.info import summarise
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.patterns import first_match
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.scan import read_repositories
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store, StoreError


def read(module: AnsibleModule) -> list[Repository]:
    """Read the repositories that match."""
    patterns = module.params["repositories"]
    if module.params["store"]:
        store = Store(Path(module.params["store"]))
        store.check()
        names = [name for name in store.names() if first_match(patterns, name)]
        return [store.read_repository(name, Cache(), time.time()) for name in names]
    with shared.client(module.params) as client:
        now = client.ping()
        names = [name for name in client.repositories() if first_match(patterns, name)]
        return read_repositories(client, names, Cache(), now)


def main() -> None:
    """Read, summarise, tell."""
    module = AnsibleModule(
        argument_spec={
            **shared.CONNECTION,
            "repositories": {"type": "list", "elements": "str", "default": ["**"]},
            "store": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **summarise(read(module)))
    except (OSError, RegistryError, StoreError, ValueError) as error:
        module.fail_json(msg=f"The registry cannot be read: {error}")


if __name__ == "__main__":
    main()
