#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_preflight
short_description: Look at a host before its hub is changed
version_added: 0.1.0
description:
  - Returns what the hub's containers have to know about the host, in one call, since each call of a module costs a
    third of a second.
  - Fails, also in check mode, when the hub's network would have to be made anew while people's servers run in it, since
    that would cut them off. Changes nothing.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The module changes nothing.
  idempotent:
    support: full
options:
  network:
    description: The wanted network of hub, proxy and people's servers.
    type: dict
    required: true
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
  gpus:
    description: The graphics cards to hand out; without them those that the driver knows.
    type: list
    elements: str
    default: []
  docker_socket:
    description: The engine's socket. Without one there is no network yet.
    type: path
    default: /var/run/docker.sock
seealso:
  - module: labserver.jupyter.hub_change
"""

EXAMPLES = r"""
- name: Look at the host
  labserver.jupyter.hub_preflight:
    network: {name: labserver-hub, subnet: 172.27.240.0/20, ip_range: 172.27.248.0/21}
  register: host
"""

RETURN = r"""
shared_root:
  description:
    - Whether mounts below the host's C(/) propagate into containers that ask for it. True under systemd on a real host,
      false in most containers that play a host.
  type: bool
  returned: success
cgroup_parent:
  description: The control group of all notebooks in the form that this host's Docker engine takes; empty without one.
  type: str
  returned: success
  sample: labnotebooks.slice
firewall_mark:
  description:
    - The mark that lets a packet pass Docker's rules between containers, for an engine with the firewall backend
      C(nftables); empty for others.
  type: str
  returned: success
  sample: 0x4c000000/0xff000000
limits_layers:
  description: Whether Docker's storage driver can limit what one container writes into its own layer.
  type: bool
  returned: success
gpus:
  description: The ids of the graphics cards that Docker can hand out. What keeps it from doing so is told as a warning.
  type: list
  elements: str
  returned: success
gpu_driver:
  description: The driver that Docker is asked for, V(nvidia) or V(cdi); empty when it cannot hand out cards.
  type: str
  returned: success
  sample: nvidia
gpu_way:
  description: In which way Docker hands out cards, in words.
  type: str
  returned: success
  sample: Docker hands out cards by CDI
ssh_front:
  description: Whether there is a container of the SSH front.
  type: bool
  returned: success
shares_root:
  description: Folder below which the host's shares are mounted, as C(/etc/labserver/public/shares.json) says.
  type: str
  returned: success
  sample: /srv/labserver/shares
time_zone:
  description: The host's time zone in the form of POSIX, for containers.
  type: str
  returned: success
  sample: CET-1CEST,M3.5.0,M10.5.0/3
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import DockerEngine, EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import gpus, host, network, reserve, servers

SHARES = Path("/etc/labserver/public/shares.json")
FRONT = "labserver-ssh"
REQUIRED = {"type": "str", "required": True}


def objection(engine: DockerEngine, wanted: dict[str, str]) -> str:
    """Return why the network has to stay as it is for now; empty when nothing speaks against the run."""
    people = [server.user for server in servers.running(engine)]
    return network.objection(servers.find(engine, f"/networks/{wanted['name']}"), wanted, people)


def shares_root(module: AnsibleModule) -> str:
    """Return where the shares are; ends the module when the file that says so cannot be read."""
    try:
        return host.shares_root(SHARES.read_bytes() if SHARES.exists() else None)
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"where the shares are is not known: {error}")
        raise


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "network": {
                "type": "dict",
                "required": True,
                "options": dict.fromkeys(("name", "subnet", "ip_range"), REQUIRED),
            },
            "gpus": {"type": "list", "elements": "str", "default": []},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    socket = module.params["docker_socket"]
    engine = DockerEngine(socket, timeout=30)
    refused, info, front = "", {}, False
    try:
        if Path(socket).exists():
            refused, info = objection(engine, module.params["network"]), engine.get("/info")
            front = servers.inspect(engine, FRONT) is not None
    except EngineError as error:
        module.fail_json(msg=str(error))
    if refused:
        module.fail_json(msg=refused)
    shares = shares_root(module)
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    cards = gpus.way(Path("/"), info, module.params["gpus"])
    for warning in cards.warnings:
        module.warn(f"graphics cards: {warning}")
    if SHARES.exists() and not host.shared_root(mountinfo):
        module.warn(host.PRIVATE_ROOT)
    module.exit_json(
        changed=False,
        shared_root=host.shared_root(mountinfo),
        limits_layers=host.limits_layers(info, mountinfo),
        shares_root=shares,
        time_zone=host.time_zone(),
        cgroup_parent=reserve.of_info(info),
        gpus=cards.cards,
        gpu_driver=cards.driver,
        gpu_way=cards.words,
        firewall_mark=host.firewall_mark(info),
        ssh_front=front,
    )


if __name__ == "__main__":
    main()
