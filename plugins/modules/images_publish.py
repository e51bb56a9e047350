#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: images_publish
short_description: Push images of the host's engine to a registry
version_added: 0.1.0
description:
  - Compares each image with what the registry has under its name and pushes those that differ, all in one call.
  - Before it is pushed, a notebook server is started in the image as the hub will do it, in a container without
    network. An image in which none starts is not pushed; the others are, and the task fails with a sentence for each
    that was not. Images with the label C(org.labserver.spawnable=false) are pushed untried.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: Where engine or registry do not exist yet, every image counts as not pushed.
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
      - How this module reaches the registry. Empty means as the engine does it, a loopback address without TLS and
        everything else with it.
    type: str
    default: ""
  plain_http:
    description: Reach O(registry) without TLS although its address is not a loopback one.
    type: bool
    default: false
  images:
    description: The images.
    type: list
    elements: dict
    required: true
    suboptions:
      source:
        description: The image in the host's engine.
        type: str
        required: true
      repository:
        description: Its repository in the registry.
        type: str
        required: true
      tag:
        description: Its tag in the registry.
        type: str
        required: true
  record:
    description:
      - File on the host in which to write down the names of O(images). M(labserver.jupyter.registry_in_use) and the
        registry's maintenance read it, and the images stay in the registry.
    type: path
seealso:
  - module: community.docker.docker_image_push
"""

EXAMPLES = r"""
- name: The lab's notebook image is in the lab's registry
  labserver.jupyter.images_publish:
    registry: 127.0.0.1:5000
    username: pusher
    password_file: /etc/labserver/registry/secrets/pusher
    images:
      - {source: "labserver/notebook:0123456789ab", repository: notebook, tag: "2026.11"}
"""

RETURN = r"""
actions:
  description: What was pushed, or would be.
  type: list
  elements: dict
  returned: success
  sample: [{"what": "push", "name": "notebook:2026.11", "reason": "not in the registry"}]
published:
  description:
    - The images with the digests of what the registry has of them. In check mode a digest is empty for what would be
      pushed.
  type: list
  elements: dict
  returned: success
  sample:
    - repository: notebook
      tag: "2026.11"
      digest: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import (
    SOCKET,
    DockerEngine,
    EngineError,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._images import publish as core
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import reach
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError


def write_down(module: AnsibleModule, images: list[core.Image]) -> bool:
    """Write the record before anything is pushed, so that no maintenance comes in between; tell whether it changed."""
    if not module.params["record"]:
        return False
    path, text = Path(module.params["record"]), core.record(images)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if not module.check_mode:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.replace(path, text.encode())
    return True


def main() -> None:
    """Compare, write down, push."""
    module = AnsibleModule(
        argument_spec={
            "registry": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password_file": {"type": "path", "required": True, "no_log": False},
            "url": {"type": "str", "default": ""},
            "plain_http": {"type": "bool", "default": False},
            "record": {"type": "path"},
            "images": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "source": {"type": "str", "required": True},
                    "repository": {"type": "str", "required": True},
                    "tag": {"type": "str", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    host, username = module.params["registry"], module.params["username"]
    images = [core.Image(**image) for image in module.params["images"]]
    secret = Path(module.params["password_file"])
    if not secret.exists() and not module.check_mode:
        module.fail_json(
            msg=f"password_file: {secret} does not exist on the host; the role registry makes it, or name another file"
        )
    # In check mode on a bare host neither is there yet.
    engine = DockerEngine() if Path(SOCKET).exists() or not module.check_mode else None
    registry = None
    password = secret.read_text(encoding="utf-8").strip() if secret.exists() else ""
    if secret.exists():
        registry = RegistryClient(
            module.params["url"] or reach.url(host, plain_http=module.params["plain_http"]),
            username=username,
            password=password,
            ca_files=reach.authorities(host),
        )
    unfit: list[str] = []
    try:
        recorded = write_down(module, images)
        pushes, digests = core.compare(images, engine, registry)
        if not module.check_mode and engine is not None and registry is not None:
            pushes, unfit, warnings = core.judge(pushes, engine)
            for warning in warnings:
                module.warn(warning)
            digests |= core.apply(pushes, engine, registry, host, username, password)
    except (core.PublishError, EngineError, OSError, RegistryError) as exc:
        module.fail_json(msg=str(exc))
    if unfit:
        module.fail_json(msg="\n".join(unfit), changed=bool(pushes) or recorded)
    module.exit_json(
        changed=bool(pushes) or recorded,
        actions=[{"what": "push", "name": step.image.name, "reason": step.reason} for step in pushes],
        published=[
            {"repository": one.repository, "tag": one.tag, "digest": digests.get(one.name, "")} for one in images
        ],
        diff={"before": "", "after": "".join(f"push {step.image.name} ({step.reason})\n" for step in pushes)},
    )


if __name__ == "__main__":
    main()
