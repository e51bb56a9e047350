#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: accounts
short_description: Make the people and groups of a lab what the inventory says
version_added: 0.1.0
description:
  - Takes all people and groups in one call, compares them with the account files, and applies what differs in one
    transaction under the locks that C(useradd) and C(vipw) take too.
  - Accounts that exist already are taken over with their uid, home and groups. Accounts of nobody in the list stay what
    they are, byte for byte.
  - Writes C(/etc/labserver/public/roster.json), by which the hub and the shares learn of the people, and
    C(/etc/labserver/accounts/register.json), which remembers every number that was ever given.
  - Who leaves is locked, loses running processes and containers, and the home is archived. It is deleted only with
    O(remove_homes=true), after the archive was compared with it.
  - All problems of the input are reported in one message, and nothing is touched then.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._accounts
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details: Changed lines of the files that everybody may read; for C(shadow) and C(gshadow) only the actions.
  idempotent:
    support: full
options:
  users:
    description:
      - People, each with C(name) (the login name at the hub) and, where wanted, C(full_name), C(groups) (lab groups),
        C(host_groups) (of the host, only added to), C(admin), C(uid), C(state) (V(present), V(locked) or V(absent)),
        C(expires) (last day of access, YYYY-MM-DD), C(ssh_keys), C(shell), C(limits) (C(cpu), C(memory), C(gpus),
        C(images), C(pids), C(servers)), C(quota) and C(system_name) (an existing account that is not called
        C(jupyter-<name>)).
      - The keys are checked by the module itself, which names index and name of every problem.
    type: list
    elements: dict
    default: []
  groups:
    description:
      - Lab groups, each with C(name) and, where wanted, C(gid), C(limits) and C(host_members) (accounts that
        belong to the group though they are not the lab's).
    type: list
    elements: dict
    default: []
  shared_folders:
    description: Folders that a group shares, each with C(path), C(group) and C(others) (V(none) or V(read)).
    type: list
    elements: dict
    default: []
  ids:
    description:
      - Numbers that were given for all servers of the inventory, C(users) and C(groups), each name to number.
      - Without them the host's own records decide.
    type: dict
    default: {}
  home_folder:
    description: Where homes of new accounts are made.
    type: str
    default: /home
  skeleton_folder:
    description: What new homes are a copy of.
    type: str
    default: /etc/skel
  shell:
    description: The shell of new accounts.
    type: str
    default: /bin/bash
  unlisted:
    description: What happens to people who are no longer in the list.
    type: str
    choices: [lock, keep]
    default: lock
  remove_homes:
    description: Delete home and account of people with state V(absent) once the archive of the home was verified.
    type: bool
    default: false
  archive_folder:
    description: Where archives of homes are put.
    type: str
    default: /srv/labserver/accounts/archive
  quota:
    description: How much each person may store in the file system of the homes, for example V(20G); empty for no quota.
    type: str
    default: ''
  expiry_notice_days:
    description: How many days before the last day of access the daily job begins to give notice.
    type: int
    default: 14
requirements:
  - Python 3.11 or newer on the host; zstd, or archives of homes are made with gzip
notes:
  - Passwords of host accounts are locked; people log in through the hub or with their SSH keys.
seealso:
  - module: labserver.jupyter.accounts_info
  - module: ansible.builtin.user
"""

EXAMPLES = r"""
- name: Have two people in one group, and offboard a third
  labserver.jupyter.accounts:
    groups:
      - name: leem
        limits: {memory: 8G, cpu: 4}
    users:
      - name: mira
        full_name: Mira M.
        groups: [leem]
        expires: 2027-03-31
      - name: jonas
        groups: [leem]
        admin: true
      - name: alice
        state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  type: list
  elements: dict
  returned: success
  sample: [{what: create user, name: jupyter-mira, detail: uid 20001}]
users:
  description: Everybody whom the host knows, by login name.
  type: dict
  returned: success
  sample: {mira: {system_name: jupyter-mira, uid: 20001, gid: 20001, state: present}}
groups:
  description: The lab's groups with their gid.
  type: dict
  returned: success
  sample: {leem: {gid: 30000}}
failures:
  description: What went wrong for single people while all else was done; the module fails then.
  type: list
  elements: str
  returned: always
  sample: []
notices:
  description: What cannot be had on this host, for example quotas on a file system without them.
  type: list
  elements: str
  returned: success
  sample: []
"""

import platform

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock

from ..module_utils._accounts import input as inputs_core
from ..module_utils._accounts import output, settings
from ..module_utils._accounts.apply import converge
from ..module_utils._accounts.ids import Ids
from ..module_utils._accounts.store import StoreError
from ..module_utils._accounts.world import RefusedError, World


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "default": []},
            "groups": {"type": "list", "elements": "dict", "default": []},
            "shared_folders": {"type": "list", "elements": "dict", "default": []},
            "ids": {"type": "dict", "default": {}},
            **settings.argument_spec(),
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    inputs = {f"accounts_{key}": value for key, value in module.params.items()}
    desired, problems = inputs_core.desired(inputs)
    if problems:
        module.fail_json(msg="\n".join(problems), problems=problems)
    ids = module.params["ids"]
    try:
        outcome = converge(
            desired,
            Ids(ids.get("users") or {}, ids.get("groups") or {}) if ids else None,
            World.real(),
            check=module.check_mode,
            inputs={key: value for key, value in inputs.items() if key != "accounts_ids"},
        )
    except RefusedError as error:
        module.fail_json(msg=str(error), problems=error.problems)
    except (StoreError, ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    answer = {
        **output.summary(outcome),
        "changed": outcome.changed,
        "failures": outcome.failures,
        "diff": output.diff(outcome),
    }
    for notice in outcome.plan.notices:
        module.warn(f"{platform.node()}: {notice}")  # Ansible shows the same words of several hosts once
    if outcome.failures:
        module.fail_json(msg="All else was done, but: " + "; ".join(outcome.failures), **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
