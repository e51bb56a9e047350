#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_daemon_config
short_description: Merge settings into the Docker engine's daemon.json
version_added: 0.1.0
description:
  - Puts settings into C(daemon.json) and leaves all others as they are. Settings that an earlier call made and that are
    no longer named are taken out again, unless somebody changed them by hand.
  - The engine's own parser reads the new file before it replaces the old one. The last three files are kept beside it.
  - Does not restart the engine; M(labserver.jupyter.host_services) does.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
    details: The engine's parser is not asked when no engine is installed yet.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  settings:
    description: The wanted settings, in the form of C(daemon.json). Nested dictionaries are merged key by key.
    type: dict
    required: true
  path:
    description: The file to change.
    type: path
    default: /etc/docker/daemon.json
  record:
    description: Where the module keeps which settings are its own.
    type: path
    default: /etc/labserver/docker/daemon.json
  service:
    description:
      - The engine's service. Its restart is marked as due for M(labserver.jupyter.host_services) before the file is
        replaced.
    type: str
    default: docker.service
"""

EXAMPLES = r"""
- name: Containers survive a restart of the engine
  labserver.jupyter.docker_daemon_config:
    settings:
      live-restore: true
"""

RETURN = r"""
backup_file:
  description: Copy of the file as it was.
  type: str
  returned: when an existing file was replaced
  sample: /etc/docker/daemon.json.20261120T103211Z~
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import due, files, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import daemon as core


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, text.encode())


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "dict", "required": True},
            "path": {"type": "path", "default": "/etc/docker/daemon.json"},
            "record": {"type": "path", "default": "/etc/labserver/docker/daemon.json"},
            "service": {"type": "str", "default": "docker.service"},
        },
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    path, record = module.params["path"], module.params["record"]

    def run(command: Sequence[str]) -> tuple[int, str]:
        status, out, err = module.run_command(list(command), environ_update={"LC_ALL": "C"})
        return status, out + err

    result: dict[str, Any] = {}
    try:
        plan = core.compare(read(path), read(record), module.params["settings"], path, record)
        if plan.before != plan.after and shutil.which("dockerd"):
            with files.candidate(Path(module.tmpdir), plan.after.encode(), ".json") as candidate:
                core.check(str(candidate), core.parse(plan.after, path), run)
    except core.DaemonConfigError as exc:
        module.fail_json(msg=str(exc))

    if not module.check_mode and plan.changed:
        if plan.before != plan.after:
            due.mark(Path("/"), module.params["service"])
            if plan.before:
                result["backup_file"] = str(files.keep_copy(Path(path)))
            write(Path(path), plan.after)
        if plan.managed_before != plan.managed_after:
            write(Path(record), plan.managed_after)
    module.exit_json(
        changed=plan.changed,
        diff={"before": plan.before, "after": plan.after, "before_header": path, "after_header": path},
        **result,
    )


if __name__ == "__main__":
    main()
