# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.schedule): no call where the look at the host found the jobs as wanted."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model, params, plan
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _seen


def unchanged(arguments: dict[str, Any], variables: dict[str, Any] | None) -> bool:
    """Tell whether the jobs are known to be as wanted; arguments that are wrong are for the module to refuse."""
    checked = ArgumentSpecValidator(params.ARGUMENTS).validate(arguments)
    wanted = checked.validated_parameters
    if checked.error_messages or model.problems(wanted["jobs"]):
        return False
    files = plan.desired(wanted["jobs"], wanted["backend"], wanted["host"], wanted["alerts"])
    return _seen.scheduled(_seen.seen(variables), files)


class ActionModule(ActionBase):
    """Asks the host where anything differs or is not known."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if unchanged(dict(self._task.args), task_vars):
            return {**result, **_seen.SKIPPED}
        return {**result, **self._execute_module("labserver.jupyter.schedule", task_vars=task_vars)}
