# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.compose_apps): turns definitions and folders into files for the host."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.yaml.dumper import AnsibleDumper
from ansible.plugins.action import ActionBase

LARGEST_FILE_BYTES = 1024 * 1024


def refuse_inventory(folder: Path, sources: Sequence[str]) -> None:
    """Raise ValueError when a project folder lies in a folder that Ansible reads as inventory, file by file."""
    for source in sources:
        place = Path(source).resolve()
        if place.is_dir() and folder.resolve().is_relative_to(place):
            raise ValueError(
                f"{folder} lies in the inventory {source}, where Ansible reads every file as hosts; move it out, for "
                f"example to {place.parent / 'apps' / folder.name}"
            )


def project_files(
    app: Mapping[str, Any], find: Callable[[str], str], inventories: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Return the files of an app: those of its folder, then its ``files``, then its ``definition``.

    Raises:
        ValueError: when a file is too large to belong to a project folder, or the folder belongs to the inventory.
    """
    files: dict[str, tuple[bytes, int]] = {}
    if app.get("folder"):
        root = Path(find(str(app["folder"])))
        refuse_inventory(root, inventories)
        for path in sorted(root.rglob("*")):
            if not path.is_file() or ".git" in path.relative_to(root).parts:
                continue
            if path.stat().st_size > LARGEST_FILE_BYTES:
                raise ValueError(f"{path} is larger than 1 MiB: project folders hold configuration; put data elsewhere")
            mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
            files[str(path.relative_to(root))] = (path.read_bytes(), mode)
    for name, text in (app.get("files") or {}).items():
        files[str(name)] = (str(text).encode(), 0o644)
    if app.get("definition"):
        text = yaml.dump(app["definition"], Dumper=AnsibleDumper, sort_keys=False, allow_unicode=True, width=120)
        files["compose.yaml"] = (text.encode(), 0o644)
    return [
        {"path": path, "content": base64.b64encode(content).decode(), "mode": f"{mode:04o}"}
        for path, (content, mode) in files.items()
    ]


class ActionModule(ActionBase):
    """Reads what lies on the controller, then runs the module of the same name on the host."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        apps = []
        sources = [str(source) for source in (task_vars or {}).get("ansible_inventory_sources") or []]
        for app in arguments.get("apps") or []:
            item = {key: value for key, value in app.items() if key not in ("folder", "definition", "files")}
            try:
                item["files"] = project_files(app, lambda name: self._find_needle("files", name), sources)
            except (ValueError, OSError, AnsibleError) as error:
                raise AnsibleActionFail(f"compose app {app.get('name')}: {error}") from error
            apps.append(item)
        arguments["apps"] = apps
        return cast(
            dict[str, Any],
            self._execute_module(
                module_name="labserver.jupyter.compose_apps", module_args=arguments, task_vars=task_vars
            ),
        )
