#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: run_lock
short_description: Let one run of the playbook at a time work on a host
version_added: 0.1.0
description:
  - Notes on the host which run works on it. When another run does, it fails and says who that is, since when, and what
    to do.
  - A run that died on this controller is known to be dead and gives way at once. One on another controller gives way
    half an hour after a module of this collection last worked for it, or when C(/run/labserver/run.json) is removed on
    the host.
  - In check mode nothing is noted and nobody is refused.
  - When a whole run of C(playbooks/site.yml) ends, it notes how each file, container and package is that the roles
    manage, so that C(labserver status) can say which of them somebody changed since. That a run which changes nothing
    is noted with its time, and packages with the versions that updates brought, is no change.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: Does nothing, but for saying that a whole run would be noted on a host where none was.
  diff_mode:
    support: none
    details: The note is no part of the host's state.
  idempotent:
    support: full
options:
  state:
    description: V(held) takes the lock, V(released) gives it back.
    type: str
    choices: [held, released]
    default: held
  site:
    description:
      - With O(state=released), what of C(playbooks/site.yml) ends here on this host.
      - V(whole) is taken for V(part) in a run with C(--tags), C(--skip-tags), C(--start-at-task) or C(--step).
    type: str
    choices: [whole, part]
  collection:
    description: The version of the collection. The action of the same name fills it in.
    type: str
    default: ""
  run:
    description: Which run this is. The action of the same name fills it in.
    type: dict
    suboptions: &run
      controller:
        description: The controller.
        type: str
        required: true
      user:
        description: The user there.
        type: str
        required: true
      process:
        description: The process there.
        type: int
        required: true
      began:
        description: When the process began.
        type: str
        required: true
  dead:
    description: Another run of which is known that it ended. The action of the same name fills it in.
    type: dict
    suboptions: *run
"""

EXAMPLES = r"""
- name: Wait for nobody, and let nobody else begin
  labserver.jupyter.run_lock:

- name: Let others work on the host again
  labserver.jupyter.run_lock:
    state: released

- name: Let others work on the host again, after all of playbooks/site.yml
  labserver.jupyter.run_lock:
    state: released
    site: whole
"""

RETURN = r"""
other:
  description: The run that works on the host.
  type: dict
  returned: when there is another
actions:
  description: What is noted of the run.
  type: list
  elements: dict
  returned: when files or containers are not as they were noted before
  sample: [{"what": "note how files and containers were left in", "name": "/var/lib/labserver/status/site.json"}]
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import clock, lock, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._status import drift

RUN = {
    "type": "dict",
    "options": {
        "controller": {"type": "str", "required": True},
        "user": {"type": "str", "required": True},
        "process": {"type": "int", "required": True},
        "began": {"type": "str", "required": True},
    },
}


def noted(changed: bool) -> dict[str, Any]:
    """Return the result of a run that is noted, or would be."""
    actions = [{"what": "note how files and containers were left in", "name": f"/{drift.PATH}"}]
    return {"changed": changed, **({"actions": actions} if changed else {})}


def note(site: str | None, collection: str) -> bool:
    """Note what of site.yml ended; returns whether files or containers differ."""
    if site == "whole":
        return drift.record(Path("/"), collection, clock.utc_now())
    if site == "part":
        drift.part(Path("/"), clock.utc_now())
    return False


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
            "site": {"type": "str", "choices": ["whole", "part"]},
            "collection": {"type": "str", "default": ""},
            "run": RUN,
            "dead": RUN,
        },
        supports_check_mode=True,
    )
    if module.check_mode and module.params["site"] == "whole":
        module.exit_json(**noted(not drift.noted(Path("/"))))
    if module.check_mode or not module.params["run"]:
        module.exit_json(changed=False)
    mine = run_lock.Run(**module.params["run"])
    dead = run_lock.Run(**module.params["dead"]) if module.params["dead"] else None
    try:
        if module.params["state"] == "released":
            try:
                changed = note(module.params["site"], module.params["collection"])
            finally:
                run_lock.release(Path("/"), mine)
            module.exit_json(**noted(changed))
        other = run_lock.take(Path("/"), mine, clock.utc_now(), dead)
    except (OSError, lock.BusyError) as error:
        module.fail_json(msg=str(error))
    if other is not None:
        module.exit_json(
            changed=False,
            other={**asdict(other.run), "since": other.since, "seen": other.seen, "until": other.until},
        )
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
