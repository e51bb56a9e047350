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
  - Before a change, loads the new configuration in a throwaway container, copies the hub's database, notes which
    servers of people run, and only then installs the configuration.
  - After it, looks whether the hub and each of these servers answer.
  - If not, puts the former hub with its configuration back.
author:
  - The labserver.jupyter authors (@labserver)
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
  settings:
    description: The new content of C(hub.json).
    type: str
  snippets:
    description: The new snippets of configuration.
    type: list
    elements: str
    default: []
  config_hash:
    description: The value of the label C(org.labserver.config) that the new hub's container gets.
    type: str
  folder:
    description: Where the hub's configuration is.
    type: path
    default: /etc/labserver/hub
  data_folder:
    description: Where the hub's state is.
    type: path
    default: /srv/labserver/hub
  container:
    description: Name of the hub's container.
    type: str
    default: labserver-hub
  uid:
    description: User and group id of the hub.
    type: int
    default: 64100
  base_url:
    description: Where this host sees the hub through its proxy, with a slash at the end.
    type: str
  former:
    description: What the step V(before) returned; for the other steps.
    type: dict
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
- name: Try the configuration and note who works
  labserver.jupyter.hub_change:
    step: before
    image: labserver/hub:0123456789ab
    settings: '{"version": 1}'
    config_hash: 0123abcd
  register: former
"""

RETURN = r"""
servers:
  description: The servers of people that ran before the change.
  type: list
  elements: dict
  returned: with step V(before)
former:
  description: What the other steps need; has no secret.
  type: dict
  returned: with step V(before)
message:
  description: How many servers were kept, in words.
  type: str
  returned: with the steps V(after) and V(back)
"""

import datetime
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils import _hub_change as hub_change
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue_engine import Engine
from ansible_collections.labserver.jupyter.plugins.module_utils._docker_api import DockerEngine, EngineError


def before(module: AnsibleModule, engine: DockerEngine) -> None:
    """Compare, try, copy, note, install."""
    params = module.params
    folder, data = Path(params["folder"]), Path(params["data_folder"])
    wanted = hub_change.Files(params["settings"], tuple(params["snippets"]))
    installed = hub_change.Files.read(folder)
    differs = installed != wanted
    diff = {"before": installed.settings + "".join(installed.snippets), "before_header": str(folder / "hub.json")}
    diff |= {"after": wanted.settings + "".join(wanted.snippets), "after_header": str(folder / "hub.json")}
    if not Path(params["docker_socket"]).exists():
        if module.check_mode:
            module.exit_json(changed=differs, diff=diff, servers=[], former={})
        module.fail_json(msg=f"there is no Docker engine at {params['docker_socket']}")
    container = hub_change.inspect(engine, params["container"])
    if not differs and not hub_change.needs_change(container, params["config_hash"]):
        module.exit_json(changed=False, servers=[], former={})
    servers = hub_change.running_servers(engine)
    if module.check_mode:
        module.exit_json(changed=differs, diff=diff, servers=hub_change.data(servers), former={})
    try_out(module, engine, wanted)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10)
    hub_change.announce(Path(params["maintenance_file"]), until.isoformat(timespec="seconds"))
    copy = hub_change.snapshot(data / "state" / "jupyterhub.sqlite", data / "snapshots", stamp)
    wanted.write(folder, params["uid"])
    former = {
        "container": container or {},
        "settings": installed.settings,
        "snippets": list(installed.snippets),
        "copy": str(copy or ""),
        "servers": hub_change.data(servers),
    }
    module.exit_json(changed=differs, diff=diff, servers=hub_change.data(servers), former=former)


def try_out(module: AnsibleModule, engine: DockerEngine, wanted: hub_change.Files) -> None:
    """Load the configuration in a throwaway container; ends the module when it is refused."""
    params = module.params
    staged = tempfile.mkdtemp(prefix="trial-", dir=params["folder"])
    try:
        Path(staged).chmod(0o755)
        wanted.write(Path(staged), params["uid"])
        body = hub_change.trial_body(params["image"], params["uid"], params["folder"], staged)
        status, output = Engine(engine).run("labserver-hub-trial", body)
    finally:
        shutil.rmtree(staged)
    if status != 0:
        module.fail_json(msg="The hub would not start with this configuration, so nothing was changed:\n" + output)


def after(module: AnsibleModule, engine: DockerEngine) -> None:
    """Look whether all is well."""
    former = module.params["former"] or {}
    servers = [hub_change.Server(**one) for one in former.get("servers") or []]
    found = hub_change.look(
        servers,
        lambda identity: hub_change.inspect(engine, identity),
        module.params["base_url"],
        seconds=module.params["timeout_seconds"],
    )
    if found.hub and not found.lost:
        Path(module.params["maintenance_file"]).unlink(missing_ok=True)
    if not found.hub or found.lost:
        module.fail_json(msg=found.sentence(), message=found.sentence())
    module.exit_json(changed=False, message=found.sentence())


def back(module: AnsibleModule, engine: DockerEngine) -> None:
    """Put the former hub back and look again."""
    params = module.params
    former: dict[str, t.Any] = params["former"] or {}
    if not former.get("container"):
        module.exit_json(changed=False, message="there is no former hub to go back to")
    hub_change.go_back(
        engine,
        params["container"],
        former["container"],
        files=hub_change.Files(former["settings"], tuple(former["snippets"])),
        folder=Path(params["folder"]),
        group=params["uid"],
        database=Path(params["data_folder"]) / "state" / "jupyterhub.sqlite",
        copy=former["copy"],
    )
    servers = [hub_change.Server(**one) for one in former.get("servers") or []]
    found = hub_change.look(
        servers,
        lambda identity: hub_change.inspect(engine, identity),
        params["base_url"],
        seconds=params["timeout_seconds"],
    )
    Path(params["maintenance_file"]).unlink(missing_ok=True)
    module.exit_json(changed=True, message=found.sentence())


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": ["before", "after", "back"], "required": True},
            "image": {"type": "str"},
            "settings": {"type": "str"},
            "snippets": {"type": "list", "elements": "str", "default": []},
            "config_hash": {"type": "str"},
            "folder": {"type": "path", "default": "/etc/labserver/hub"},
            "data_folder": {"type": "path", "default": "/srv/labserver/hub"},
            "container": {"type": "str", "default": "labserver-hub"},
            "uid": {"type": "int", "default": 64100},
            "base_url": {"type": "str"},
            "former": {"type": "dict"},
            "timeout_seconds": {"type": "int", "default": 60},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
            "maintenance_file": {"type": "path", "default": "/etc/labserver/public/maintenance.json"},
        },
        required_if=[
            ("step", "before", ["image", "settings", "config_hash"]),
            ("step", "after", ["base_url", "former"]),
            ("step", "back", ["base_url", "former"]),
        ],
        supports_check_mode=True,
    )
    engine = DockerEngine(module.params["docker_socket"], timeout=120)
    try:
        {"before": before, "after": after, "back": back}[module.params["step"]](module, engine)
    except (EngineError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
