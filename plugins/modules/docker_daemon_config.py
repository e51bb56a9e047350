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
  - The engine's own parser reads the new file before it replaces the old one, of which a backup is kept.
  - Does not restart the engine.
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
  restart_due:
    description:
      - A file that is made before C(daemon.json) is replaced, and that whoever restarts the engine removes. While it is
        there the module reports a change, so that a run that died before the restart is made up for by the next one.
      - It belongs below C(/run), which is empty after a boot.
    type: path
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
  sample: /etc/docker/daemon.json.2321.2026-11-20@10:32:11~
"""

import shutil
import tempfile
import typing as t
from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import daemon as core


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def write(module: AnsibleModule, path: str, text: str) -> None:
    Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, delete=False, encoding="utf-8") as new:
        new.write(text)
    Path(new.name).chmod(0o644)
    module.atomic_move(new.name, path)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "dict", "required": True},
            "path": {"type": "path", "default": "/etc/docker/daemon.json"},
            "record": {"type": "path", "default": "/etc/labserver/docker/daemon.json"},
            "restart_due": {"type": "path"},
        },
        supports_check_mode=True,
    )
    path, record = module.params["path"], module.params["record"]
    due = Path(module.params["restart_due"]) if module.params["restart_due"] else None
    overdue = due is not None and due.exists()

    def run(command: Sequence[str]) -> tuple[int, str]:
        status, out, err = module.run_command(list(command), environ_update={"LC_ALL": "C"})
        return status, out + err

    result: dict[str, t.Any] = {}
    try:
        plan = core.plan(read(path), read(record), module.params["settings"], path, record)
        if plan.before != plan.after and shutil.which("dockerd"):
            with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, suffix=".json", encoding="utf-8") as candidate:
                candidate.write(plan.after)
                candidate.flush()
                core.check(candidate.name, core.parse(plan.after, path), run)
    except core.DaemonConfigError as exc:
        module.fail_json(msg=str(exc))

    if not module.check_mode and plan.changed:
        if due is not None and plan.before != plan.after:
            due.touch()
        if plan.before and plan.before != plan.after:
            result["backup_file"] = module.backup_local(path)
        if plan.before != plan.after:
            write(module, path, plan.after)
        if plan.managed_before != plan.managed_after:
            write(module, record, plan.managed_after)
    module.exit_json(
        changed=plan.changed or overdue,
        diff={"before": plan.before, "after": plan.after, "before_header": path, "after_header": path},
        **result,
    )


if __name__ == "__main__":
    main()
