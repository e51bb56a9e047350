#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_change
short_description: Change the hub while people work, with a way back
version_added: 0.1.0
description:
  - Before a change, loads the new configuration in a throwaway container. With another image it also runs the new hub,
    guard and proxy on a private network with a copy of the hub's state, where a person of its own logs in and starts a
    server. Then it records on the host what is there, copies the hub's database, notes which servers of people run, and
    only then installs the configuration.
  - After it, looks whether the hub and each of these servers answer.
  - If not, or when the change failed before that, puts the former containers with their configuration back.
  - The record stays on the host until one of the two has ended well. A run that finds one of an earlier run that died
    goes on from there. From V(before) on, C(labserver hub-change) runs on the host and ends within two minutes what no
    run comes back to.
author:
  - The labserver.jupyter authors (@labserver)
requirements:
  - bcrypt on the host, for O(canary) (Debian package python3-bcrypt)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: partial
    details: The configuration is compared, but not tried, in check mode.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  step:
    description: V(before), V(after) or V(back).
    type: str
    choices: [before, after, back]
    required: true
  image:
    description: Reference of the hub's new image.
    type: str
  proxy_image:
    description: Reference of the new image of the hub's proxy; needed by O(canary).
    type: str
  canary:
    description: Try a hub whose image, or whose proxy's image, is another one, as a person would, before people get it.
    type: bool
    default: false
  settings:
    description: The new content of C(hub.json).
    type: str
  snippets:
    description: The new snippets of configuration.
    type: list
    elements: str
    default: []
  hashes:
    description:
      - The values of the label C(org.labserver.config) that the new containers get, by the name of the container.
      - In the order in which the containers start; the last one is the hub.
    type: dict
  folder:
    description: Where the hub's configuration is.
    type: path
    default: /etc/labserver/hub
  data_folder:
    description: Where the hub's state is.
    type: path
    default: /srv/labserver/hub
  record:
    description: Where the change is recorded while it is under way.
    type: path
    default: /var/lib/labserver/hub-change.json
  public_folder:
    description: Where the exchange files are.
    type: path
    default: /etc/labserver/public
  uid:
    description: User and group id of the hub.
    type: int
    default: 64100
  base_url:
    description: Where this host sees the hub through its proxy, with a slash at the end.
    type: str
  begun:
    description:
      - For V(after) and V(back), what V(before) returned. When that change is no longer recorded, the host has ended it
        because the run stalled. V(after) then fails, and V(back) takes back what the run has changed since.
    type: str
    default: ""
  timeout_seconds:
    description: How long is waited for hub and servers.
    type: int
    default: 60
  docker_socket:
    description: The engine's socket.
    type: path
    default: /var/run/docker.sock
  maintenance_file:
    description: Announcement that the hub is being changed, for as long as that takes.
    type: path
    default: /etc/labserver/public/maintenance.json
seealso:
  - module: community.docker.docker_container
"""

EXAMPLES = r"""
- name: Try the configuration and record what is there
  labserver.jupyter.hub_change:
    step: before
    image: labserver/hub:0123456789ab
    settings: '{"version": 1}'
    hashes: {labserver-docker-guard: 89abcdef, labserver-hub-proxy: 4567cdef, labserver-hub: 0123abcd}
    base_url: http://127.0.0.1:8000/

- name: Wait until hub and servers answer
  labserver.jupyter.hub_change:
    step: after
    base_url: http://127.0.0.1:8000/
"""

RETURN = r"""
servers:
  description: Names of the people whose servers run.
  type: list
  elements: str
  returned: with step V(before)
begun:
  description: Since when the change is recorded; empty when there is nothing to change.
  type: str
  returned: with step V(before)
  sample: "2026-11-27T20:31:05Z"
canary:
  description: What was tried with the new hub before people got it, in words; empty when it was not.
  type: str
  returned: with step V(before)
  sample: a person logged in and started a server (Jupyter Server 2.21.1)
message:
  description: How many servers were kept, in words.
  type: str
  returned: with the steps V(after) and V(back)
restored:
  description: The containers that were put back; the others had not been touched.
  type: list
  elements: str
  returned: with step V(back)
"""

import os
import sqlite3
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.engine import Engine, demultiplex
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files, lock, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import DockerEngine, EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import (
    canary,
    canary_run,
    change,
    servers,
    transaction,
    trial,
    unattended,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration

try:
    import bcrypt
except ImportError:
    BCRYPT_ERROR: str | None = traceback.format_exc()
else:
    BCRYPT_ERROR = None

LOG_LINES = 25
WAIT_SECONDS = 120.0
"""So long is waited for the host, when it is ending the change of a run that was lost."""


def before(module: AnsibleModule, world: transaction.World) -> None:
    """Compare, try, record, copy, install."""
    params = module.params
    folder = world.place.folder
    wanted = Configuration(params["settings"], tuple(params["snippets"]))
    installed = Configuration.read(folder)
    differs = installed != wanted
    diff = {"before": installed.shown(), "before_header": str(folder / "hub.json")}
    diff |= {"after": wanted.shown(installed), "after_header": str(folder / "hub.json")}
    if not Path(params["docker_socket"]).exists():
        if module.check_mode:
            module.exit_json(changed=differs, diff=diff, servers=[], begun="", canary="")
        module.fail_json(msg=f"there is no Docker engine at {params['docker_socket']}")
    containers = {name: servers.inspect(world.engine, name) for name in params["hashes"]}
    former = change.Former(containers, installed, "", tuple(servers.running(world.engine)))
    people = [server.user for server in former.servers]
    needed = any(change.needs_change(container, params["hashes"][name]) for name, container in containers.items())
    unfinished = transaction.read(world.place) is not None
    if not module.check_mode:
        trial.clear_up(world.engine, folder, world.now().timestamp())
    tried = ""
    if not module.check_mode and (differs or needed or unfinished):
        try_out(module, world, wanted)
        tried = visit(module, world, wanted, containers)
        transaction.begin(world, wanted, former, params["base_url"], params["hashes"])
    record = transaction.read(world.place)
    begun = record.since if record is not None else ""
    module.exit_json(changed=differs, diff=diff if differs else {}, servers=people, begun=begun, canary=tried)


def visit(
    module: AnsibleModule,
    world: transaction.World,
    wanted: Configuration,
    containers: Mapping[str, Mapping[str, Any] | None],
) -> str:
    """Run a new hub where nobody sees it, and visit it; ends the module when it is not fit for people."""
    params = module.params
    there = {container["Config"]["Image"] for container in containers.values() if container is not None}
    if not params["canary"] or not there or there <= {params["image"], params["proxy_image"]}:
        return ""
    if BCRYPT_ERROR:
        module.fail_json(msg=missing_required_lib("bcrypt"), exception=BCRYPT_ERROR)
    place = canary_run.World(
        engine=world.engine,
        hash=lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode(),
        log=lambda name: demultiplex(
            world.engine.raw(f"/containers/{name}/logs", stdout="1", stderr="1", tail=str(LOG_LINES))
        ),
        folder=world.place.folder,
        database=world.place.database,
        public=Path(params["public_folder"]),
        uid=params["uid"],
    )
    try:
        return canary_run.run(place, canary.Images(params["image"], params["proxy_image"]), wanted)
    except (canary_run.CanaryError, EngineError, OSError, sqlite3.Error) as error:
        also = end_earlier(module, world)
        return str(
            module.fail_json(
                msg=f"The new hub failed its canary, so nothing was changed and nobody saw it: {error}{also}"
            )
        )


def end_earlier(module: AnsibleModule, world: transaction.World) -> str:
    """Take back what an earlier run that died has left, since this one has nothing better; returns that in words."""
    if transaction.read(world.place) is None:
        return ""
    restored, words = transaction.take_back(world, module.params["timeout_seconds"])
    return f"\nThe change that an earlier run had begun is taken back: {transaction.in_words(restored, words)}"


def try_out(module: AnsibleModule, world: transaction.World, wanted: Configuration) -> None:
    """Load the configuration in a throwaway container; ends the module when it is refused."""
    params = module.params
    with files.scratch(Path(params["folder"]), trial.STAGED) as staged:
        staged.chmod(0o755)
        wanted.write(staged, params["uid"])
        body = trial.body(params["image"], params["uid"], params["folder"], str(staged))
        # A name of its own: two runs at once must not end each other's trial.
        status, output = Engine(world.engine).run(f"{trial.NAME}-{os.getpid()}", body)
    if status != 0:
        also = end_earlier(module, world)
        module.fail_json(
            msg=f"The hub would not start with this configuration, so nothing was changed:\n{output}{also}"
        )


def after(module: AnsibleModule, world: transaction.World) -> None:
    """Tell whether the hub answers and, after a change, whether everybody kept their server."""
    if module.check_mode:
        module.exit_json(changed=False, message="in check mode nothing was changed")
    base_url = module.params["base_url"]
    begun = module.params["begun"]
    if lost := unattended.lost(world, begun):
        module.fail_json(msg=lost)
    last = transaction.ended(world.place)
    if begun and last is not None and last.since == begun:
        module.exit_json(changed=False, message=last.words)
    changed = transaction.read(world.place) is not None
    found = transaction.verify(world, base_url, module.params["timeout_seconds"])
    message = found.sentence()
    if not found.well:
        module.fail_json(msg=message if changed else f"nothing was changed, but the hub does not answer at {base_url}")
    module.exit_json(changed=False, message=message)


def back(module: AnsibleModule, world: transaction.World) -> None:
    """Put back what was there before, and look again."""
    if module.check_mode:
        module.exit_json(changed=False, message="in check mode nothing was changed", restored=[])
    restored, message = transaction.take_back(world, module.params["timeout_seconds"], module.params["begun"])
    module.exit_json(changed=bool(restored), message=message, restored=restored)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": ["before", "after", "back"], "required": True},
            "image": {"type": "str"},
            "proxy_image": {"type": "str"},
            "canary": {"type": "bool", "default": False},
            "settings": {"type": "str"},
            "snippets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "hashes": {"type": "dict"},
            "folder": {"type": "path", "default": "/etc/labserver/hub"},
            "data_folder": {"type": "path", "default": "/srv/labserver/hub"},
            "record": {"type": "path", "default": "/var/lib/labserver/hub-change.json"},
            "public_folder": {"type": "path", "default": "/etc/labserver/public"},
            "uid": {"type": "int", "default": 64100},
            "base_url": {"type": "str"},
            "begun": {"type": "str", "default": ""},
            "timeout_seconds": {"type": "int", "default": 60},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
            "maintenance_file": {"type": "path", "default": "/etc/labserver/public/maintenance.json"},
        },
        required_if=[
            ("step", "before", ["image", "settings", "hashes", "base_url"]),
            ("step", "after", ["base_url"]),
            ("canary", True, ["proxy_image"]),
        ],
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    params = module.params
    place = transaction.Place(
        folder=Path(params["folder"]),
        data=Path(params["data_folder"]),
        record=Path(params["record"]),
        maintenance=Path(params["maintenance_file"]),
        group=params["uid"],
    )
    world = transaction.World(DockerEngine(params["docker_socket"], timeout=120), place)
    step = {"before": before, "after": after, "back": back}[params["step"]]
    try:
        if module.check_mode:
            step(module, world)
        with lock.hold(place.root, unattended.LOCK, WAIT_SECONDS):
            step(module, world)
    except (EngineError, OSError, ValueError, lock.BusyError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
