#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cocalc_server
short_description: Run a CoCalc server in a container, upgrade it with a way back
version_added: 0.1.0
description:
  - Starts a CoCalc image and waits until it answers over HTTP, since its container looks running even when it failed.
  - A new server listens on the host alone until the registration token is set and one of the named people is an
    administrator.
  - A changed image or setting means a dump of the database, a cold copy of its files, the new container, and back to
    all of the old when that does not come up.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
  - labserver.jupyter._registry_logins
attributes:
  check_mode:
    support: full
    details: Administrators are foreseen only while a server runs whose accounts can be read.
  diff_mode:
    support: none
    details: RV(actions) says what changes and why.
  idempotent:
    support: full
options:
  state:
    description: V(absent) removes the container and leaves the data.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the container.
    type: str
    default: cocalc
  image:
    description: The image, with tag or digest.
    type: str
    required: true
  pull:
    description: Whether an image that is not on the host is pulled.
    type: bool
    default: true
  variant:
    description: V(legacy) for images up to June 2021 (one certificate file, one token for all).
    type: str
    choices: [current, legacy]
    default: current
  data_folder:
    description: Folder of the host that the image sees as C(/projects).
    type: path
    required: true
  dump_folder:
    description: Where dumps of the database are kept.
    type: path
    required: true
  bind_address:
    description: Address to listen on once the server may be reached.
    type: str
    default: 127.0.0.1
  port:
    description: Port of the host for HTTPS, or for HTTP with O(tls=proxy).
    type: int
    default: 8443
  http_port:
    description: Port of the host that redirects to HTTPS, 0 for none. Only with O(tls=own).
    type: int
    default: 0
  tls:
    description: V(own) for TLS by CoCalc, V(proxy) for plain HTTP behind a proxy on the host.
    type: str
    choices: [own, proxy]
    default: own
  ssh_address:
    description: Address for SSH into projects. Empty for none.
    type: str
    default: ""
  ssh_port:
    description: Port of the host for SSH.
    type: int
    default: 2222
  environment:
    description: Further variables of the container.
    type: dict
    default: {}
  memory_bytes:
    description: Memory of all projects together.
    type: int
    default: 8589934592
  cpus:
    description: Processor time of all projects together, in processors; at most what the host has.
    type: float
    default: 4.0
  processes:
    description: Processes and threads of all projects together.
    type: int
    default: 4096
  admins:
    description: Addresses of the accounts that are administrators.
    type: list
    elements: str
    default: []
  token_file:
    description: File on the host with the registration token.
    type: path
    required: true
  certificate_file:
    description: PEM file on the host with the certificate and its chain. Needs O(key_file).
    type: path
  key_file:
    description: PEM file on the host with the private key.
    type: path
  letsencrypt:
    description: Has C(letsencrypt-cert) of an image that contains it set up once.
    type: dict
    suboptions:
      domain:
        description: The name of the server.
        type: str
        required: true
      email:
        description: Address for the authority.
        type: str
        required: true
      test:
        description: Whether the authority's staging service is used.
        type: bool
        default: false
  dump_command:
    description: Command in the container that writes a dump. Empty for no dumps.
    type: list
    elements: str
    default: [pg_dumpall]
  dumps_kept:
    description: How many dumps stay.
    type: int
    default: 3
  health_path:
    description: Path that answers with status 200 when the server works.
    type: str
    default: /healthcheck
  health_seconds:
    description: How long a start may take.
    type: int
    default: 900
requirements:
  - A Docker engine on the host
"""

EXAMPLES = r"""
- name: A CoCalc server for the people who sit at this host, or come by SSH forwarding
  labserver.jupyter.cocalc_server:
    image: docker.io/sagemathinc/cocalc-docker:1.5
    data_folder: /srv/labserver/cocalc/projects
    dump_folder: /srv/labserver/cocalc/dumps
    token_file: /etc/labserver/cocalc/registration-token
    admins: [mira@lab.example.org]
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be.
  type: list
  elements: dict
  returned: success
  sample: [{what: replace, name: cocalc, reason: "image cocalc:1.4 -> cocalc:1.5"}]
waiting:
  description: Named administrators who have no account yet.
  type: list
  elements: str
  returned: success
exposed:
  description: Whether the server listens where it was asked to, rather than on the host alone.
  type: bool
  returned: success
dump:
  description: The dump that was taken, if any.
  type: str
  returned: success
left:
  description:
    - Copies of the database that runs which did not end have left beside the data; nothing uses them.
    - With O(state=absent) also the data and the dumps.
  type: list
  elements: str
  returned: success
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc.model import Desired
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc.world import CocalcError, World
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import login as docker_login

LETSENCRYPT = {
    "domain": {"type": "str", "required": True},
    "email": {"type": "str", "required": True},
    "test": {"type": "bool", "default": False},
}
OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "default": "cocalc"},
    "image": {"type": "str", "required": True},
    "pull": {"type": "bool", "default": True},
    "variant": {"type": "str", "choices": ["current", "legacy"], "default": "current"},
    "data_folder": {"type": "path", "required": True},
    "dump_folder": {"type": "path", "required": True},
    "bind_address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 8443},
    "http_port": {"type": "int", "default": 0},
    "tls": {"type": "str", "choices": ["own", "proxy"], "default": "own"},
    "ssh_address": {"type": "str", "default": ""},
    "ssh_port": {"type": "int", "default": 2222},
    "environment": {"type": "dict", "default": {}},
    "memory_bytes": {"type": "int", "default": 8589934592},
    "cpus": {"type": "float", "default": 4.0},
    "processes": {"type": "int", "default": 4096},
    "admins": {"type": "list", "elements": "str", "default": []},
    "token_file": {"type": "path", "required": True, "no_log": False},
    "certificate_file": {"type": "path"},
    "key_file": {"type": "path", "no_log": False},
    "letsencrypt": {"type": "dict", "options": LETSENCRYPT},
    "dump_command": {"type": "list", "elements": "str", "default": ["pg_dumpall"]},
    "dumps_kept": {"type": "int", "default": 3},
    "health_path": {"type": "str", "default": "/healthcheck"},
    "health_seconds": {"type": "int", "default": 900},
    "registry_logins": {"type": "list", "elements": "dict", "default": [], "options": docker_login.OPTIONS},
}


def content(path: str | None) -> bytes:
    return Path(path).read_bytes() if path and Path(path).is_file() else b""


def server_from(params: dict[str, Any]) -> Desired:
    plain = {
        key: value
        for key, value in params.items()
        if key
        not in ("state", "token_file", "certificate_file", "key_file", "environment", "letsencrypt", "registry_logins")
    }
    return Desired(
        # The engine refuses more processors than there are.
        **(
            plain
            | {
                "cpus": min(params["cpus"], float(os.cpu_count() or 1)),
                "data_folder": Path(params["data_folder"]),
                "dump_folder": Path(params["dump_folder"]),
            }
        ),
        environment={key: str(value) for key, value in params["environment"].items()},
        token=content(params["token_file"]).decode().strip(),
        certificate=content(params["certificate_file"]),
        key=content(params["key_file"]),
        letsencrypt=params["letsencrypt"] or {},
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=OPTIONS,
        required_together=[("certificate_file", "key_file")],
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    try:
        login = docker_login.environment(module.params["registry_logins"], Path(module.tmpdir) / ".docker")
    except ValueError as error:
        module.fail_json(msg=str(error))
    environment = {"LC_ALL": "C.UTF-8", **login}

    def run(command: Sequence[str], stdin: str) -> tuple[int, str, str]:
        try:
            status, out, err = module.run_command(
                list(command),
                data=stdin,
                binary_data=True,
                environ_update=environment,
                handle_exceptions=False,
            )
        except OSError as error:  # no docker on the host
            return 127, "", str(error)
        return status, out, err

    for name in ("certificate_file", "key_file"):
        path = module.params[name]
        if path and not Path(path).is_file() and module.params["state"] == "present" and not module.check_mode:
            module.fail_json(msg=f"{name}: there is no file {path}; the role that makes it has to run first")
    server = server_from(module.params)
    if server.token:
        module.no_log_values.add(server.token)
    try:
        if module.params["state"] == "absent":
            outcome = core.remove(World(run), server, module.check_mode)
        elif not server.token and not module.check_mode:
            module.fail_json(msg=f"{module.params['token_file']} holds no registration token")
        else:
            outcome = core.converge(World(run), server, module.check_mode)
    except CocalcError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(outcome.actions),
        actions=outcome.actions,
        waiting=outcome.waiting,
        exposed=outcome.exposed,
        dump=outcome.dump,
        left=outcome.left,
    )


if __name__ == "__main__":
    main()
