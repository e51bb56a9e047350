# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.schedule): no call where the look at the host found the jobs as wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model, params, plan
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _seen


def unchanged(arguments: dict[str, Any], variables: Mapping[str, Any] | None) -> bool:
    """Tell whether the jobs are known to be as wanted; arguments that are wrong are for the module to refuse."""
    checked = ArgumentSpecValidator(params.ARGUMENTS).validate(arguments)
    wanted = checked.validated_parameters
    if checked.error_messages or model.problems(wanted["jobs"]):
        return False
    files = plan.desired(wanted["jobs"], wanted["backend"], wanted["host"], wanted["alerts"])
    return _seen.scheduled(_seen.seen(variables), files)


class ActionModule(_seen.Asking):
    """Asks the host where anything differs or is not known."""

    MODULE = "labserver.jupyter.schedule"

    def unchanged(self, variables: Mapping[str, Any] | None) -> bool:
        return unchanged(dict(self._task.args), variables)
