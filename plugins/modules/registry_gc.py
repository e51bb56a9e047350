#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_gc
short_description: Collect the garbage of a registry on this host
version_added: 0.1.0
description:
  - Removes the blobs that no manifest needs from the store of a registry (distribution 2.8 or 3.x on C(filesystem)).
  - No push can come in between. The registry does not run meanwhile, and starts again whatever happens to this module.
  - Manifests are never removed here, with or without a tag; that is what M(labserver.jupyter.registry_prune) does. So
    indexes stay whole, unlike with C(registry garbage-collect -m) of distribution 2.8.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._registry
  - labserver.jupyter._registry.pause
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: RV(freed_bytes) tells how much comes free.
  idempotent:
    support: partial
    details: Not with O(collect_command), of which nobody knows what it will find.
options:
  store:
    required: true
  collect_command:
    description:
      - Another collector to run while the registry rests, such as C(registry garbage-collect) without C(-m).
    type: list
    elements: str
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: labserver.jupyter.registry_prune
"""

EXAMPLES = r"""
- name: Collect the garbage of the lab's registry
  labserver.jupyter.registry_gc:
    store: /srv/labserver/registry
    username: puller
    password_file: /etc/labserver/registry/secrets/puller

- name: Collect the garbage of Debian's own docker-registry
  labserver.jupyter.registry_gc:
    store: /var/lib/docker-registry
    stop_command: [systemctl, stop, docker-registry]
    start_command: [systemctl, start, docker-registry]
"""

RETURN = r"""
freed_bytes:
  description: Bytes that came free, or would in check mode.
  type: int
  returned: success
  sample: 11935714
blobs_too_young:
  description: How many blobs without a manifest were left alone because a push may still need them.
  type: int
  returned: success
  sample: 0
downtime_seconds:
  description: How long the registry did not answer.
  type: float
  returned: success
  sample: 0.4
tags_verified:
  description: How many tags were found complete afterwards.
  type: int
  returned: success
  sample: 100
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import process, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.lock import BusyError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import params as shared
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import World, converge
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.pause import PauseError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store, StoreError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired

COLLECT_SECONDS = 12 * 3600.0
"""The registry rests meanwhile, so a collector that hangs has to end some day; one of many terabytes takes hours."""


def collector(command: list[str]) -> None:
    """Run another collector. Raises OSError when it fails or does not end."""
    done = process.call(command, COLLECT_SECONDS)
    if done.status != 0:
        raise OSError(f"{' '.join(command)}: {done.reason or f'exit status {done.status}'}: {done.words[-1000:]}")


def main() -> None:
    """Pause, collect, start, verify."""
    module = AnsibleModule(
        argument_spec={
            **shared.CONNECTION,
            **shared.PAUSE,
            "store": {"type": "path", "required": True},
            "collect_command": {"type": "list", "elements": "str"},
        },
        required_together=[("stop_command", "start_command")],
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    command = module.params["collect_command"]
    desired = Desired(
        grace=float(module.params["grace_seconds"]),
        collector=(lambda: collector(command)) if command else None,
    )
    try:
        with shared.client(module.params) as client:
            world = World(Store(Path(module.params["store"])), Cache(), client, shared.pause(module.params))
            outcome = converge(world, desired, check=module.check_mode)
    except (BusyError, EngineError, OSError, PauseError, RegistryError, StoreError, ValueError) as error:
        module.fail_json(msg=f"The garbage was not collected: {error}")
    result = {
        "changed": outcome.changed,
        "freed_bytes": outcome.freed,
        "blobs_too_young": outcome.young,
        "downtime_seconds": round(outcome.downtime, 3),
        "tags_verified": outcome.verified,
    }
    for warning in outcome.warnings + outcome.plan.problems:
        module.warn(warning)
    if outcome.broken:
        module.fail_json(msg="Tags cannot be pulled: " + "; ".join(outcome.broken), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
