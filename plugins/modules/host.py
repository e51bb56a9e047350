#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: Tell whether a host can become a lab server
version_added: 0.1.0
description:
  - Looks at distribution and release, architecture, kernel, cgroup version, init, Python, memory and free disk, and at
    other software that would be in the way, in one call and without changing or installing anything.
  - Fails with everything that stops a lab server from being set up, each in one sentence with the way out of it where
    there is one. What is only in the way is a warning.
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
  accepted:
    description: Findings that are known and accepted, by name. They stop nothing, and warnings are not said again.
    type: list
    elements: str
    default: []
    choices:
      - architecture
      - cloud_init
      - disk
      - firewalld
      - init
      - jupyterhub
      - low_disk
      - low_memory
      - other_hub
      - other_registry
      - podman_docker
      - python
      - snap_docker
      - system
      - tljh
      - ufw
      - untested_architecture
      - web_server
  elsewhere:
    description: Parts of a lab that this host must not have, because the inventory has them on other hosts only.
    type: list
    elements: str
    default: []
    choices: [hub, registry]
  services:
    description: Services whose state is returned with RV(seen).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the host
  labserver.jupyter.host:
"""

RETURN = r"""
summary:
  description: The host in one line.
  type: str
  returned: always
  sample: >-
    Debian GNU/Linux 13 (trixie), x86_64, kernel 6.12.48, cgroup v2, systemd, Python 3.13.5, 15.6 GiB memory,
    80.2 GiB free
problems:
  description: What stops a lab server from being set up.
  type: list
  elements: str
  returned: always
findings:
  description: The names of all findings.
  type: list
  elements: str
  returned: always
seen:
  description:
    - Packages, files of jobs, services and images of this collection, as they are. Later tasks of the run that find
      there what they want make no call of their own.
  type: dict
  returned: success
ansible_facts:
  description: Distribution, release and kernel under the names that M(ansible.builtin.setup) has for them.
  type: dict
  returned: success
"""

from pathlib import Path
from typing import Any, Sequence  # noqa: UP035  # collections.abc's cannot be subscripted by old Pythons

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._host import model
from ansible_collections.labserver.jupyter.plugins.module_utils._host.judge import GIB, judge
from ansible_collections.labserver.jupyter.plugins.module_utils._host.read import here, read
from ansible_collections.labserver.jupyter.plugins.module_utils._host.systems import SUPPORTED


def summary(facts: model.Facts) -> str:
    """Return the host in one line."""
    return (
        f"{facts.system.pretty}, {facts.architecture}, kernel {facts.kernel}, cgroup {facts.cgroup}, {facts.init},"
        f" Python {'.'.join(map(str, facts.python))}, {facts.memory_bytes / GIB:.1f} GiB memory,"
        f" {facts.free_bytes / GIB:.1f} GiB free"
    )


def ansible_facts(facts: model.Facts) -> dict[str, str]:
    """Return what other roles ask for, so that they need not gather it again."""
    known = SUPPORTED.get((facts.system.name, facts.system.version))
    if known is None:
        return {}
    return {
        "ansible_distribution": known[1],
        "ansible_distribution_major_version": facts.system.version.split(".")[0],
        "ansible_distribution_release": facts.system.codename,
    }


def look(module: AnsibleModule) -> dict[str, Any]:
    """Return what later tasks would ask for. Only here: what it needs does not run on the Python of a refused host."""
    from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import SOCKET, DockerEngine  # noqa: PLC0415
    from ansible_collections.labserver.jupyter.plugins.module_utils._host import seen  # noqa: PLC0415

    def run(command: Sequence[str]) -> tuple[int, str]:
        if module.get_bin_path(command[0]) is None:
            return 127, f"{command[0]} is not installed"
        status, out, err = module.run_command(list(command), environ_update={"LC_ALL": "C"})
        return status, out + err

    engine = DockerEngine(timeout=10) if Path(SOCKET).exists() else None
    return seen.look(Path("/"), run, module.params["services"], engine)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "accepted": {
                "type": "list",
                "elements": "str",
                "default": [],
                "choices": sorted(model.STOPS + model.WARNS),
            },
            "services": {"type": "list", "elements": "str", "default": []},
            "elsewhere": {"type": "list", "elements": "str", "default": [], "choices": sorted(model.PARTS)},
        },
        supports_check_mode=True,
    )
    try:
        facts = read(here())
    except OSError as error:
        module.fail_json(msg=f"the host cannot be looked at: {error}")
    findings = judge(facts, frozenset(module.params["accepted"]), frozenset(module.params["elsewhere"]))
    problems = [finding.text for finding in findings if finding.stops]
    result = {
        "changed": False,
        "summary": summary(facts),
        "problems": problems,
        "findings": [finding.name for finding in findings],
    }
    for finding in findings:
        if not finding.stops:
            module.warn(finding.text)
    if problems:
        lines = "\n".join(f"  {number}. {text}" for number, text in enumerate(problems, 1))
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        module.fail_json(msg=f"{count} with this host ({summary(facts)}); nothing was touched:\n{lines}", **result)
    module.exit_json(ansible_facts=ansible_facts(facts), seen=look(module), **result)


if __name__ == "__main__":
    main()
