#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_passwords
short_description: Give the people of a lab server their one-time passwords
version_added: 0.1.0
description:
  - Makes the password store of the hub, gives everybody in the roster who has no password a random one-time password,
    and removes the passwords of people who are gone. Nobody can then claim an account by typing its name first.
  - The hub lets people in with a one-time password only as far as the page on which they choose their own.
  - One-time passwords stay readable for root in one file until they are used. They are never part of the result.
  - A store that was replaced, or that has lost entries, is an error and never filled up silently.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: The diff names people, never passwords or hashes.
  idempotent:
    support: partial
    details: With O(reset) each call makes a new password.
options:
  roster:
    description: The roster that the accounts role writes. While it does not exist, check mode expects nobody.
    type: path
    default: /etc/labserver/public/roster.json
  store:
    description: The password store, a SQLite file.
    type: path
    default: /srv/labserver/hub/state/passwords.sqlite
  record:
    description: Where it is recorded which store this is and how many names it has had.
    type: path
    default: /etc/labserver/hub/password-store.json
  one_time_file:
    description: The file (mode 0600) with the one-time passwords that were not used yet.
    type: path
    default: /var/lib/labserver/one-time-passwords.csv
  owner:
    description: User and group id of the hub, to which the store belongs.
    type: int
    default: 64100
  reset:
    description: Login names of people who get a new one-time password in place of the one they have.
    type: list
    elements: str
    default: []
  reset_only:
    description:
      - Do nothing but O(reset), and only for those of the names that this host's roster lists. On a host without a
        roster or a password store that is nobody, and none is made.
      - The result RV(known) tells whose they were.
    type: bool
    default: false
  rounds:
    description:
      - Cost of the hashes of one-time passwords (bcrypt). Low, since these are long and random; the hub uses a high
        cost for the passwords that people choose.
    type: int
    default: 5
requirements:
  - bcrypt (Debian package python3-bcrypt)
seealso:
  - name: The hub role
    description: Calls this module and brings the one-time passwords to the controller.
    link: https://github.com/labserver/labserver.jupyter/tree/main/roles/hub
"""

EXAMPLES = r"""
- name: Give everybody who has none a one-time password
  labserver.jupyter.hub_passwords:

- name: Alice forgot hers
  labserver.jupyter.hub_passwords:
    reset: [alice]

- name: Alice forgot hers, and nobody knows on which of the servers she is
  labserver.jupyter.hub_passwords:
    reset: [alice]
    reset_only: true
"""

RETURN = r"""
actions:
  description: What was done or would be done, without any password.
  type: list
  elements: dict
  returned: success
  contains:
    what:
      description: V(create), V(seed), V(reset), V(remove), V(forget) (a line of the file) or V(record).
      type: str
    name:
      description: Login name, or V(store).
      type: str
pending:
  description: How many people have not used their one-time password yet.
  type: int
  returned: success
known:
  description: Names of O(reset) that this host's roster lists.
  type: list
  elements: str
  returned: with O(reset_only)
"""

import datetime
import sqlite3
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.labserver.jupyter.plugins.module_utils._common import exchange, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import passwords
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.password_store import StoreError

try:
    import bcrypt
except ImportError:
    BCRYPT_ERROR: str | None = traceback.format_exc()
else:
    BCRYPT_ERROR = None


def read_roster(module: AnsibleModule) -> dict[str, Any]:
    """Return the roster; in check mode on a bare host an empty one."""
    path = Path(module.params["roster"])
    try:
        roster = exchange.parse(path.read_bytes(), str(path))
    except FileNotFoundError:
        if module.check_mode:
            return {"version": 1, "users": {}}
        module.fail_json(msg=f"{path} does not exist: run the accounts role first")
    except exchange.ExchangeError as error:
        module.fail_json(msg=str(error))
    return roster


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "roster": {"type": "path", "default": "/etc/labserver/public/roster.json"},
            "store": {"type": "path", "default": "/srv/labserver/hub/state/passwords.sqlite"},
            "record": {"type": "path", "default": "/etc/labserver/hub/password-store.json"},
            "one_time_file": {"type": "path", "default": "/var/lib/labserver/one-time-passwords.csv"},
            "owner": {"type": "int", "default": 64100},
            "reset": {"type": "list", "elements": "str", "default": []},
            "reset_only": {"type": "bool", "default": False},
            "rounds": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    params = module.params
    paths = passwords.Paths(Path(params["store"]), Path(params["record"]), Path(params["one_time_file"]))
    reset: list[str] = params["reset"]
    extra: dict[str, Any] = {}
    if params["reset_only"]:
        if not (Path(params["roster"]).exists() and paths.store.exists()):
            module.exit_json(changed=False, actions=[], pending=0, known=[])
        roster = read_roster(module)
        reset = extra["known"] = [name for name in reset if name in roster["users"]]
    else:
        roster = read_roster(module)
    if found := passwords.problems(roster, reset):
        module.fail_json(msg="\n".join(found))
    try:
        entries, fitting, recorded = passwords.check(paths)
        lines = passwords.read_lines(paths.one_time)
        plan = passwords.compare(roster, entries, lines, reset=reset, found=fitting, recorded=recorded)
        if params["reset_only"]:
            plan = passwords.only(plan, reset)
        if plan.actions() and not module.check_mode:
            if BCRYPT_ERROR is not None:
                module.fail_json(msg=missing_required_lib("bcrypt"), exception=BCRYPT_ERROR)

            def digest(password: str) -> str:
                hashed: bytes = bcrypt.hashpw(password.encode(), bcrypt.gensalt(params["rounds"]))
                return hashed.decode()

            now = datetime.datetime.now(datetime.UTC)
            passwords.apply(plan, roster, paths, owner=params["owner"], digest=digest, now=now)
            lines = passwords.read_lines(paths.one_time)
    except (StoreError, OSError, sqlite3.DatabaseError) as error:
        module.fail_json(msg=str(error))
    diff = {
        "before": "",
        "after": "".join(f"{action['what']} {action['name']}\n" for action in plan.actions()),
        "before_header": params["store"],
        "after_header": params["store"],
    }
    module.exit_json(changed=bool(plan.actions()), actions=plan.actions(), pending=len(lines), diff=diff, **extra)


if __name__ == "__main__":
    main()
