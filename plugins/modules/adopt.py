#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: adopt
short_description: Take a server with an old hub over, step by step, and give it back
version_added: 0.2.0
description:
  - The steps around the roles in C(playbooks/adopt.yml), which is how to use this. Each may be repeated.
  - The old hub is stopped and kept. Its files are only read.
  - What forbids a step is told before anything is touched, all of it at once.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._adopt
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Hashes of passwords are among what changes.
  idempotent:
    support: full
options:
  state:
    description:
      - V(kept) records how the host is, with copies of the account files and of C(/etc/fstab), below
        C(/var/lib/labserver/adopt).
      - V(switched) stops the old hub and puts people's passwords into the store of the new one. From before that until
        all is done, C(labserver adopt-watch) runs on the host as a unit. When it has heard nothing of the run for a
        minute, it goes back by itself.
      - V(going_on) changes nothing and fails where the host has gone back by itself.
      - V(done) records that all worked.
      - V(may_go_back) changes nothing and says whether the way back can be gone.
      - V(back) restores what was recorded and starts the old hub.
    type: str
    choices: [kept, switched, going_on, done, may_go_back, back]
    required: true
  again:
    description:
      - With O(state=back), whether to go back once more where the host has done so by itself while the run was away.
        What the run changed since goes too.
    type: bool
    default: false
  over_changes:
    description: Whether the way back may undo what others changed in the account files and in C(/etc/fstab) since.
    type: bool
    default: false
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: labserver.jupyter.adopt_info
"""

EXAMPLES = r"""
- name: Record how the host is
  labserver.jupyter.adopt:
    state: kept
"""

RETURN = r"""
state:
  description: How far the takeover is now.
  type: str
  returned: success
notes:
  description: What a person should know, such as a home that was moved aside.
  type: list
  elements: str
  returned: success
"""

import sqlite3
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import read, takeover
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.keep import LOCK, AdoptError, Effects
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.model import Choices, Current
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.password_store import StoreError

WAIT_SECONDS = 120.0
"""For a host that is going back by itself at this moment."""


def look() -> Current:
    """Return what there is on this host."""
    return read.read(read.World())


def step(params: dict[str, Any], check: bool) -> takeover.Outcome:
    """Do what is asked; raises AdoptError, StoreError, OSError or sqlite3's errors."""
    effects = Effects()
    choices = Choices(frozenset(params["without"]), params["stop_servers"], params["new_passwords"])
    if params["state"] == "kept":
        return takeover.prepare(effects, look, choices, check)
    if params["state"] == "switched":
        return takeover.switch(effects, look, choices, check)
    if params["state"] == "going_on":
        return takeover.go_on(effects)
    if params["state"] == "done":
        return takeover.finish(effects, check)
    if params["state"] == "may_go_back":
        return takeover.may_go_back(effects, params["over_changes"])
    return takeover.back(effects, check, again=params["again"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["kept", "switched", "going_on", "done", "may_go_back", "back"], "required": True},
            "without": {"type": "list", "elements": "str", "default": []},
            "stop_servers": {"type": "bool", "default": False},
            "new_passwords": {"type": "bool", "default": False},
            "again": {"type": "bool", "default": False},
            "over_changes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    changed = module.params["state"] not in ("may_go_back", "going_on")
    try:
        if module.check_mode:
            outcome = step(module.params, True)
        else:
            with lock.hold(Path("/"), LOCK, WAIT_SECONDS):
                outcome = step(module.params, False)
    except (AdoptError, StoreError, OSError, lock.BusyError, sqlite3.DatabaseError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed and outcome.changed, state=outcome.state, notes=list(outcome.notes))


if __name__ == "__main__":
    main()
