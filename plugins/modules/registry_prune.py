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
  - Keeping wins. Never removed are digests that a kept tag or a kept index needs, images in use, images that the hub
    offers, protected ones, signatures and other referrers of kept images, and what is not understood (schema 1, unknown
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
    description: Files C(images.json) of hubs, whose images stay.
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

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import params as shared
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.job import CACHE, Config, ConfigError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import Refused, Work, maintain
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.pause import PauseError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.plan import Limits, Plan
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import parse_policies
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protect import ProtectionError, gather
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.prune import prune
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.table import as_data, render

HOST: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "images": {"type": "list", "elements": "dict", "required": True},
}


def main() -> None:
    """Read, plan, show, remove."""
    module = AnsibleModule(
        argument_spec={
            **shared.CONNECTION,
            **shared.PAUSE,
            "config": {"type": "path"},
            "policies": {"type": "list", "elements": "dict", "default": [], "options": shared.POLICY},
            "protect": {"type": "list", "elements": "str", "default": []},
            "in_use": {"type": "list", "elements": "dict", "default": [], "options": HOST},
            "catalogues": {"type": "list", "elements": "path", "default": []},
            "max_removals": {"type": "int", "default": 0},
            "max_fraction": {"type": "float", "default": 0.9},
            "allow_empty": {"type": "bool", "default": False},
            "untag": {"type": "str", "choices": ["never", "retag"], "default": "never"},
            "cache": {"type": "path"},
        },
        mutually_exclusive=[("config", "store"), ("config", "policies")],
        required_together=[("stop_command", "start_command")],
        supports_check_mode=True,
    )
    try:
        if module.params["config"] or module.params["store"]:
            on_store(module)
        over_api(module)
    except Refused as error:
        report = error.report
        fail(module, f"Refused, nothing was removed: {error}", report.plan, report.now, report.freed)
    except (RegistryError, PauseError, EngineError, ProtectionError, ConfigError, OSError, ValueError) as error:
        module.fail_json(msg=f"The registry was not pruned: {error}", **removed(None))


def on_store(module: AnsibleModule) -> None:
    """Prune and collect while the registry pauses."""
    params = module.params
    if params["config"]:
        config = Config.load(Path(params["config"]))
        used = [(host["host"], host["images"]) for host in params["in_use"]]
        work = config.work(used, params["protect"])
        store, client, pause, cache = Path(config.values["store"]), config.client(), config.pause(), CACHE
    else:
        work, store = wanted(params), Path(params["store"])
        client, pause, cache = shared.client(params), shared.pause(params), params["cache"] and Path(params["cache"])
    with client:
        report = maintain(Store(store), Cache(cache or None), client, pause, work, check=module.check_mode)
    for warning in report.warnings + report.plan.problems:
        module.warn(warning)
    result = {
        **removed(report.plan),
        **shown(report.plan, report.now, report.freed),
        "changed": report.changed,
        "freed_bytes": report.freed,
        "bytes_exact": True,
        "downtime_seconds": round(report.downtime, 3),
    }
    if report.broken:
        module.fail_json(msg="Tags cannot be pulled: " + "; ".join(report.broken), **result)
    module.exit_json(**result)


def over_api(module: AnsibleModule) -> None:
    """Prune any registry."""
    params = module.params
    work = wanted(params)
    with shared.client(params) as client:
        result = prune(
            client,
            Cache(Path(params["cache"]) if params["cache"] else None),
            work.policies,
            work.protection,
            work.limits,
            check=module.check_mode,
            retag=params["untag"] == "retag",
        )
    plan, outcome = result.plan, result.outcome
    if plan.refusals:
        fail(module, "Refused, nothing was removed: " + "; ".join(plan.refusals), plan, result.now, result.freed)
    if plan.removals and result.abilities.problem:
        fail(module, f"Nothing was removed. {result.abilities.problem}", plan, result.now, result.freed)
    for problem in plan.problems:
        module.warn(problem)
    data = {
        **shown(plan, result.now, result.freed),
        **removed(plan),
        "changed": bool(plan.removals),
        "freed_bytes": result.freed,
        "bytes_exact": False,
        "requests": result.requests,
    }
    if not module.check_mode:
        data |= {
            "changed": bool(outcome.tags or outcome.manifests),
            "removed_tags": [f"{name}:{tag}" for name, tag in sorted(outcome.tags)],
            "removed_manifests": len(outcome.manifests),
            "skipped": outcome.skipped,
        }
    if outcome.error:
        module.fail_json(msg=f"Stopped in the middle; the next run finishes the work: {outcome.error}", **data)
    if result.broken:
        module.fail_json(msg="Tags cannot be pulled: " + "; ".join(result.broken), **data)
    module.exit_json(**data)


def wanted(params: dict[str, Any]) -> Work:
    """Return policies, protection and guards."""
    given = [{name: value for name, value in policy.items() if value is not None} for policy in params["policies"]]
    return Work(
        policies=parse_policies(given),
        protection=gather(
            in_use=[(host["host"], host["images"]) for host in params["in_use"]],
            catalogues=[Path(path) for path in params["catalogues"]],
            references=params["protect"],
        ),
        limits=Limits(params["max_removals"], params["max_fraction"], params["allow_empty"]),
        grace=float(params["grace_seconds"]),
    )


def removed(plan: Plan | None) -> dict[str, Any]:
    """Return what a plan removes."""
    items = plan.repositories if plan else ()
    return {
        "removed_tags": [f"{item.name}:{tag}" for item in items for tag, _digest in item.remove_tags],
        "removed_manifests": sum(len(item.doomed) for item in items),
        "skipped": [],
    }


def shown(plan: Plan, now: float, freed: int) -> dict[str, Any]:
    """Return the plan for people and for playbooks."""
    return {"repositories": as_data(plan), "diff": {"prepared": render(plan, now, freed)}}


def fail(module: AnsibleModule, message: str, plan: Plan, now: float, freed: int) -> None:
    """Fail with the plan that was not carried out."""
    module.fail_json(msg=message, **removed(None), **shown(plan, now, freed))


if __name__ == "__main__":
    main()
