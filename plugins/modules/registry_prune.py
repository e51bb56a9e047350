#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_prune
short_description: Remove from an image registry what no policy keeps
version_added: 0.1.0
description:
  - Removes tags and manifests by policies, over the OCI distribution API of any registry, or on the store of one that
    runs on this host.
  - Keeping wins. Never removed are digests that a kept tag or a kept index needs, images in use, the hub's default
    image, protected ones, signatures and other referrers of kept images, and what is not understood (schema 1, unknown
    media types).
  - If anything in a repository cannot be read, nothing is removed there.
  - With O(store), everything happens within one pause of the registry of about a second, and garbage is collected too.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._registry
  - labserver.jupyter._registry.pause
  - labserver.jupyter._registry.policies
attributes:
  check_mode:
    support: full
    details:
      - The same plan is made and shown. Over the API, two requests find out what the registry would permit; they name a
        digest and a tag that do not exist.
  diff_mode:
    support: full
    details: A table with age, size and the rule by which each tag stays or goes.
  idempotent:
    support: full
options:
  config:
    description:
      - Take store, container, users, policies and guards from the configuration of the weekly job on this host, for
        example C(/etc/labserver/registry/maintenance.json). Only O(in_use) and O(protect) are added to it.
    type: path
  protect:
    description: What never goes, as C(repository:tag), C(repository@digest) or patterns of these.
    type: list
    elements: str
    default: []
  in_use:
    description: Images that containers use, as M(labserver.jupyter.registry_in_use) returned them on the lab's hosts.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Name of the host.
        type: str
        required: true
      images:
        description: The images.
        type: list
        elements: dict
        required: true
  catalogues:
    description: Files C(images.json) of hubs, whose default images stay. What a hub merely lists may go.
    type: list
    elements: path
    default: []
  max_removals:
    description: Remove nothing at all if more tags would go. 0 means no limit.
    type: int
    default: 0
  max_fraction:
    description: Remove nothing at all if a larger part of the tags of a repository would go.
    type: float
    default: 0.9
  allow_empty:
    description: Allow that the last image of a repository goes.
    type: bool
    default: false
  untag:
    description:
      - What to do over the API of registries that cannot delete a single tag (distribution 2.8).
      - With V(never), tags stay that share their image with a kept one, and deleting takes its time.
      - With V(retag), the tags are first moved to an empty artifact, which is then deleted. That is at least twice as
        fast. A push to one of these tags in the same moment could be lost.
    type: str
    choices: [never, retag]
    default: never
  cache:
    description:
      - File on the host that keeps what manifests say, by digest. With it a second run sends one HEAD per tag, and a
        run that was interrupted is finished by the next one.
    type: path
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: labserver.jupyter.registry_gc
  - module: labserver.jupyter.registry_info
"""

EXAMPLES = r"""
- name: Keep ten notebooks, a month of everything, one a month for a year, and what is stable
  labserver.jupyter.registry_prune:
    url: https://registry.lab.example
    username: pusher
    password: "{{ registry_password }}"
    ca_file: /etc/ssl/certs/lab-ca.pem
    cache: /var/lib/labserver/registry/manifests.jsonl
    policies:
      - repositories: ["notebooks/**"]
        keep_last: 10
        keep_within: 30d
        keep_monthly: 12
        keep_tags: ["stable-*"]

- name: Prune the lab's own registry now, as the weekly job would
  labserver.jupyter.registry_prune:
    config: /etc/labserver/registry/maintenance.json
"""

RETURN = r"""
repositories:
  description: The plan. For each tag what happens to it, and by which rule.
  type: list
  elements: dict
  returned: success
  sample:
    - repository: notebooks/leem
      problems: []
      tags:
        - {name: "1.0", digest: "sha256:...", action: remove, rule: keep_last=10, time: 1.0, size_bytes: 1}
      manifests: ["sha256:..."]
removed_tags:
  description: Tags that were removed; in check mode, that would be. As C(repository:tag).
  type: list
  elements: str
  returned: always
  sample: ["notebooks/leem:1.0"]
removed_manifests:
  description: Number of manifests that were removed, or would be.
  type: int
  returned: always
  sample: 1
skipped:
  description: What was left alone because it changed after the plan was made.
  type: list
  elements: str
  returned: always
  sample: []
freed_bytes:
  description: Bytes that come free. With O(store) exact; over the API an estimate of what a collection will free.
  type: int
  returned: success
  sample: 11935714
bytes_exact:
  description: Whether RV(freed_bytes) is exact.
  type: bool
  returned: success
  sample: true
downtime_seconds:
  description: How long the registry did not answer.
  type: float
  returned: success
  sample: 0.8
requests:
  description: Number of requests to the API.
  type: int
  returned: success
  sample: 2003
"""

import contextlib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.lock import BusyError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import maintenance, prune, settings
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import params as shared
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.job import CACHE, undisturbed
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.pause import PauseError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protect import ProtectionError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.result import (
    Result,
    of_api,
    of_error,
    of_refusal,
    of_store,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store, StoreError


def main() -> None:
    """Prune, and say what was done."""
    module = AnsibleModule(
        argument_spec={
            **shared.CONNECTION,
            **shared.PAUSE,
            **shared.WANTED,
            "config": {"type": "path"},
            "untag": {"type": "str", "choices": ["never", "retag"], "default": "never"},
            "cache": {"type": "path"},
        },
        mutually_exclusive=[("config", "store"), ("config", "policies")],
        required_together=[("stop_command", "start_command")],
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    try:
        result = converge(module)
    except maintenance.RefusedError as error:
        result = of_refusal(error.outcome.plan, error.outcome.now, error.outcome.freed)
    except (
        BusyError,
        EngineError,
        OSError,
        PauseError,
        ProtectionError,
        RegistryError,
        StoreError,
        ValueError,
        settings.SettingsError,
    ) as error:
        result = of_error(error)
    for warning in result.warnings:
        module.warn(warning)
    if result.failure:
        module.fail_json(msg=result.failure, **result.data)
    module.exit_json(**result.data)


def converge(module: AnsibleModule) -> Result:
    """Prune by the settings of the weekly job, on a store, or over the API of any registry."""
    params, check = module.params, module.check_mode
    cache = Path(params["cache"]) if params["cache"] else None
    if params["config"]:
        given = settings.read(Path(params["config"]))
        alone = contextlib.nullcontext() if check else undisturbed(Path("/"), "playbooks/prune.yml")
        with alone, given.client() as client:
            world = maintenance.World(Store(given.store), Cache(CACHE), client, given.pause())
            desired = given.desired(shared.in_use(params), params["protect"])
            return of_store(maintenance.converge(world, desired, check=check))
    desired = shared.desired(params)
    with shared.client(params) as client:
        if params["store"]:
            world = maintenance.World(Store(Path(params["store"])), Cache(cache), client, shared.pause(params))
            return of_store(maintenance.converge(world, desired, check=check))
        over_api = prune.World(client, Cache(cache))
        return of_api(prune.converge(over_api, desired, check=check, retag=params["untag"] == "retag"), check)


if __name__ == "__main__":
    main()
