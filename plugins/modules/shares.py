#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shares
short_description: Mount all shared folders of a lab server and keep them so
version_added: 0.1.0
description:
  - Brings C(/etc/fstab), credentials files, mount points, live mounts and C(/etc/labserver/public/shares.json) to what
    the list of shares says, in one call. Every line of C(/etc/fstab) that is not about one of the shares is kept byte
    for byte; hand-made lines for the same path are taken over.
  - Each share is mounted at C(<root>/<name>/files); the path that people know is a link to it. So a container can bind
    the folder above it, the one way in which a share that goes and comes back does so in running containers too.
  - Only what changed is mounted again. What counts is the live mount, not what a former call said.
  - While a share is not mounted, its mount point is immutable (C(chattr +i)), and nobody, not even root in a container,
    can write into it.
  - A share below O(root) that is not listed any more is unmounted and its line removed. Nothing on a server is touched.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: Neither asks C(findmnt) to judge the new C(/etc/fstab) nor looks whether the servers answer.
  diff_mode:
    support: full
    details: Shows C(/etc/fstab) with passwords of other lines hidden, C(shares.json) and the steps. Never credentials.
  idempotent:
    support: partial
    details: A share without C(x-systemd.automount) that could not be mounted is tried again.
options:
  shares:
    description: All shares of the host. A share that is missing here is taken away.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the share in the lab, which is also the name of its folder below O(root).
        type: str
        required: true
      type:
        description: What it is. V(local) is a folder of the host itself.
        type: str
        choices: [cifs, nfs, local]
        default: cifs
      source:
        description: Where it is, C(//server/share), C(server:/folder) or C(/folder). Blanks and C(#) stand as they are.
        type: str
        required: true
      path:
        description: Where people look for it, on the host and in notebooks. V(/mnt/<name>) unless given.
        type: str
      credentials:
        description: Which of O(credentials) to use.
        type: str
      access:
        description: Groups of the lab or of the host, each with V(rw) or V(ro).
        type: dict
      others:
        description: Whether everybody else may read it or does not see it at all.
        type: str
        choices: [ro, none]
        default: none
      use:
        description:
          - What the share is for. With V(work) on a CIFS share git, virtual environments, scripts, C(chmod), C(cp -a)
            and SQLite work, and everybody who sees it may write.
        type: str
        choices: [data, work]
        default: data
      when_absent:
        description: What the spawner of notebooks does while the share is not mounted.
        type: str
        choices: [wait, refuse, without]
        default: refuse
      options:
        description:
          - Mount options laid over O(options) and over those of the collection. V(true) sets a bare option, V(false)
            leaves one out, anything else is its value.
        type: dict
      sentinel:
        description: A file of the share, relative to it, that the scheduled check reads.
        type: str
      min_free_percent:
        description: Free space in percent below which the scheduled check warns.
        type: float
  credentials:
    description: Accounts on the servers. Written to C(/etc/labserver/shares/credentials), readable by root alone.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name that shares refer to.
        type: str
        required: true
      account:
        description: The account on the server.
        type: dict
        required: true
        suboptions:
          username:
            description: Its name.
            type: str
            required: true
          password:
            description: Its password. All characters but control characters are possible.
            type: str
            required: true
          domain:
            description: Its domain or workgroup.
            type: str
  options:
    description: Mount options for all shares of a type, laid over those of the collection.
    type: dict
    default: {}
    suboptions:
      cifs:
        description: For CIFS shares.
        type: dict
      nfs:
        description: For NFS shares.
        type: dict
      local:
        description: For folders of the host.
        type: dict
  root:
    description: Folder below which the shares are mounted.
    type: path
    default: /srv/labserver/shares
  timeout_seconds:
    description: Limit for one mount, one unmount and one look at a share.
    type: int
    default: 40
  health_timeout_seconds:
    description: Within which time a share has to answer the scheduled check.
    type: int
    default: 20
  min_free_percent:
    description: Free space in percent below which the scheduled check warns, for shares that do not say it themselves.
    type: float
    default: 5
  require_mounted:
    description: Fail when a share cannot be mounted or does not answer. Otherwise that is a warning.
    type: bool
    default: false
requirements:
  - Python 3.11 or newer, util-linux and, for CIFS, cifs-utils on the host
seealso:
  - module: ansible.posix.mount
"""

EXAMPLES = r"""
- name: The data of the lab, read-only for one group and writable for another
  labserver.jupyter.shares:
    shares:
      - name: data
        source: //192.168.2.99/data
        credentials: nas
        access: {leem: rw, xps: ro}
    credentials:
      - name: nas
        account:
          username: labserver
          password: "{{ vault_nas_password }}"
"""

RETURN = r"""
actions:
  description: What was changed, or would be in check mode, in this order.
  type: list
  elements: dict
  returned: success
  sample:
    - {what: mount, name: data, path: /srv/labserver/shares/data/files, reason: not mounted}
shares:
  description: Each share with whether it is mounted and answers, and else why not.
  type: dict
  returned: success
  sample: {data: {mounted: false, reason: "the server cannot be reached (error 113)"}}
backup:
  description: Copy of C(/etc/fstab) as it was; empty when it was not changed.
  type: str
  returned: success
  sample: /etc/fstab.2026-11-20T10:00:00Z
"""

from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock

from ..module_utils._shares.converge import RefusedError, converge
from ..module_utils._shares.world import ApplyError, World

SHARE: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["cifs", "nfs", "local"], "default": "cifs"},
    "source": {"type": "str", "required": True},
    "path": {"type": "str"},
    "credentials": {"type": "str"},
    "access": {"type": "dict"},
    "others": {"type": "str", "choices": ["ro", "none"], "default": "none"},
    "use": {"type": "str", "choices": ["data", "work"], "default": "data"},
    "when_absent": {"type": "str", "choices": ["wait", "refuse", "without"], "default": "refuse"},
    "options": {"type": "dict"},
    "sentinel": {"type": "str"},
    "min_free_percent": {"type": "float"},
}
ACCOUNT: dict[str, dict[str, Any]] = {
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "domain": {"type": "str"},
}
CREDENTIALS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "account": {"type": "dict", "required": True, "options": ACCOUNT},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "shares": {"type": "list", "elements": "dict", "required": True, "options": SHARE},
            "credentials": {"type": "list", "elements": "dict", "default": [], "options": CREDENTIALS},
            "options": {
                "type": "dict",
                "default": {},
                "options": {"cifs": {"type": "dict"}, "nfs": {"type": "dict"}, "local": {"type": "dict"}},
            },
            "root": {"type": "path", "default": "/srv/labserver/shares"},
            "timeout_seconds": {"type": "int", "default": 40},
            "health_timeout_seconds": {"type": "int", "default": 20},
            "min_free_percent": {"type": "float", "default": 5},
            "require_mounted": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    inputs = {f"shares_{key}": value for key, value in module.params.items() if key not in ("shares", "credentials")}
    inputs["shares_list"] = module.params["shares"]
    inputs["shares_credentials"] = {entry["name"]: entry["account"] for entry in module.params["credentials"]}
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        result = converge(World(), inputs, check=module.check_mode, stamp=stamp)
    except RefusedError as error:
        module.fail_json(msg="\n".join(error.problems), problems=error.problems)
    except (ApplyError, OSError) as error:
        module.fail_json(msg=str(error))
    for text in result.pop("warnings"):
        module.warn(text)
    away = {name: share["reason"] for name, share in result["shares"].items() if not share["mounted"]}
    if away and not module.check_mode:
        text = "; ".join(f"share {name}: {reason}" for name, reason in sorted(away.items()))
        if module.params["require_mounted"]:
            module.fail_json(msg=text, **result)
        module.warn(text)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
