# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.packages): no call where the look at the host found all packages."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import outgoing
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _seen


def unchanged(arguments: dict[str, Any], variables: dict[str, Any] | None) -> bool:
    """Tell whether nothing but the names of packages was asked for, and all of them are there."""
    names = arguments.get("name")
    names = names.split(",") if isinstance(names, str) else names
    if not isinstance(names, list) or set(arguments) - {"name", "kernel_modules"} or arguments.get("kernel_modules"):
        return False
    return _seen.installed(_seen.seen(variables), [str(name).strip() for name in names])


def way_out(templar: Any, variables: dict[str, Any] | None) -> dict[str, str]:
    """Return the variables that lead apt to the lab's proxy. In check mode on a bare host no file names it yet."""
    known = variables or {}
    http, https, direct = (
        templar.template(known.get(f"labserver_{name}", empty))
        for name, empty in (("http_proxy", ""), ("https_proxy", ""), ("no_proxy", []))
    )
    return outgoing.variables(outgoing.desired(http or "", https or "", direct or []))


class ActionModule(ActionBase):
    """Asks the host where a package is missing or not known."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if unchanged(dict(self._task.args), task_vars):
            return {**result, **_seen.SKIPPED}
        self._task.environment = [*(self._task.environment or []), way_out(self._templar, task_vars)]
        return {**result, **self._execute_module("labserver.jupyter.packages", task_vars=task_vars)}
