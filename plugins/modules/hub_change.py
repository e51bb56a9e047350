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
  - If not, or when the change failed before that, puts the former containers with their configuration back.
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
    description: V(network), V(before), V(after) or V(back).
    type: str
    choices: [network, before, after, back]
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
  hashes:
    description:
      - The values of the label C(org.labserver.config) that the new containers get, by the name of the container.
      - In the order in which the containers start; the last one is the hub.
    type: dict
  network:
    description:
      - The network of hub, proxy and people's servers. Where another one has to take its place while servers run, the
        step V(network) fails, also in check mode, since it would cut them off.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      subnet:
        description: Its range in CIDR notation.
        type: str
        required: true
      ip_range:
        description: The part of it for people's servers.
        type: str
        required: true
  folder:
    description: Where the hub's configuration is.
    type: path
    default: /etc/labserver/hub
  data_folder:
    description: Where the hub's state is.
    type: path
    default: /srv/labserver/hub
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
    hashes: {labserver-docker-guard: 89abcdef, labserver-hub-proxy: 4567cdef, labserver-hub: 0123abcd}
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
restored:
  description: The containers that were put back; the others had not been touched.
  type: list
  elements: str
  returned: with step V(back)
"""

import dataclasses
import datetime
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.engine import Engine
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import DockerEngine, EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import change as hub_change
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import network as hub_network

REQUIRED = {"type": "str", "required": True}


def network(module: AnsibleModule, engine: DockerEngine) -> None:
    """End the run before anything is touched when the network cannot be what it is to be."""
    wanted = module.params["network"]
    if Path(module.params["docker_socket"]).exists():
        people = [server.user for server in hub_change.running_servers(engine)]
        refused = hub_network.objection(hub_change.find(engine, f"/networks/{wanted['name']}"), wanted, people)
        if refused:
            module.fail_json(msg=refused)
    module.exit_json(changed=False)


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
    containers = {name: hub_change.inspect(engine, name) for name in params["hashes"]}
    former = hub_change.Former(containers, installed, "", tuple(hub_change.running_servers(engine)))
    needed = any(hub_change.needs_change(container, params["hashes"][name]) for name, container in containers.items())
    if module.check_mode or not (differs or needed):
        document = {} if module.check_mode else former.document()
        servers = former.document()["servers"]
        module.exit_json(changed=differs, diff=diff if differs else {}, servers=servers, former=document)
    try_out(module, engine, wanted)
    now = datetime.datetime.now(datetime.UTC)
    copy = hub_change.snapshot(data / "state" / "jupyterhub.sqlite", data / "snapshots", now.strftime("%Y%m%dT%H%M%SZ"))
    maintenance = Path(params["maintenance_file"])
    try:
        hub_change.announce(maintenance, (now + datetime.timedelta(minutes=10)).isoformat(timespec="seconds"))
        wanted.write(folder, params["uid"])
    except OSError:
        # A full disk, for instance: half of a new configuration must not wait for the hub's next start.
        maintenance.unlink(missing_ok=True)
        installed.write(folder, params["uid"])
        raise
    document = dataclasses.replace(former, copy=str(copy or "")).document()
    module.exit_json(changed=differs, diff=diff, servers=document["servers"], former=document)


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


def look(module: AnsibleModule, engine: DockerEngine, former: hub_change.Former) -> hub_change.Look:
    """Look whether all is well; the announcement of the change ends when it is."""
    found = hub_change.look(
        list(former.servers),
        lambda identity: hub_change.inspect(engine, identity),
        module.params["base_url"],
        seconds=module.params["timeout_seconds"],
        hopeless=lambda: any(
            hub_change.hopeless(hub_change.inspect(engine, name), was) for name, was in former.containers.items()
        ),
    )
    if found.well:
        Path(module.params["maintenance_file"]).unlink(missing_ok=True)
    return found


def after(module: AnsibleModule, engine: DockerEngine) -> None:
    """Tell whether the change went well."""
    found = look(module, engine, hub_change.Former.of(module.params["former"]))
    if not found.well:
        module.fail_json(msg=found.sentence(), message=found.sentence())
    module.exit_json(changed=False, message=found.sentence())


def back(module: AnsibleModule, engine: DockerEngine) -> None:
    """Put back what was there before, and look again."""
    params = module.params
    former = hub_change.Former.of(params["former"])
    if module.check_mode:
        module.exit_json(changed=False, message="in check mode nothing was changed", restored=[])
    if not any(former.containers.values()):
        module.exit_json(changed=False, message="there is no former hub to go back to", restored=[])
    restored = hub_change.go_back(
        engine,
        former,
        folder=Path(params["folder"]),
        group=params["uid"],
        database=Path(params["data_folder"]) / "state" / "jupyterhub.sqlite",
    )
    found = look(module, engine, former)
    module.exit_json(changed=True, message=found.sentence(), restored=restored)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": ["network", "before", "after", "back"], "required": True},
            "image": {"type": "str"},
            "settings": {"type": "str"},
            "snippets": {"type": "list", "elements": "str", "default": []},
            "hashes": {"type": "dict"},
            "network": {"type": "dict", "options": dict.fromkeys(("name", "subnet", "ip_range"), REQUIRED)},
            "folder": {"type": "path", "default": "/etc/labserver/hub"},
            "data_folder": {"type": "path", "default": "/srv/labserver/hub"},
            "uid": {"type": "int", "default": 64100},
            "base_url": {"type": "str"},
            "former": {"type": "dict"},
            "timeout_seconds": {"type": "int", "default": 60},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
            "maintenance_file": {"type": "path", "default": "/etc/labserver/public/maintenance.json"},
        },
        required_if=[
            ("step", "network", ["network"]),
            ("step", "before", ["image", "settings", "hashes"]),
            ("step", "after", ["base_url", "former"]),
            ("step", "back", ["base_url", "former"]),
        ],
        supports_check_mode=True,
    )
    engine = DockerEngine(module.params["docker_socket"], timeout=120)
    try:
        {"network": network, "before": before, "after": after, "back": back}[module.params["step"]](module, engine)
    except (EngineError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
