# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what a task wants with what the first call of the run saw of the host (see ``module_utils/_host/seen.py``).

A task that finds everything as it has to be makes no call of its own. Without a look in this run nothing is known, and
every task asks.
"""

from __future__ import annotations

import hashlib
import typing as t
from collections.abc import Mapping, Sequence

from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._common import services
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import plan

VARIABLE = "__labserver_seen"
"""What the role host registers; a variable of this run alone, which no cache of facts keeps."""
SKIPPED = {
    "changed": False,
    "skipped": True,
    "skip_reason": "nothing to do: the look at the beginning of this run found it as it has to be",
}


def seen(variables: Mapping[str, t.Any] | None) -> Mapping[str, t.Any]:
    """Return what was seen of the host in this run; empty when nobody looked."""
    found = ((variables or {}).get(VARIABLE) or {}).get("seen")
    return found if isinstance(found, Mapping) else {}


def installed(look: Mapping[str, t.Any], names: Sequence[str]) -> bool:
    """Tell whether all packages are there."""
    return bool(look) and set(names) <= set(look["packages"])


def program(look: Mapping[str, t.Any], content: bytes) -> bool:
    """Tell whether the program of the jobs is this one."""
    return bool(look) and list(look["program"]) == [hashlib.sha256(content).hexdigest(), 0o755, 0]


def scheduled(look: Mapping[str, t.Any], wanted: plan.Desired) -> bool:
    """Tell whether the files of all jobs are as they have to be."""
    if not look:
        return False
    files: Mapping[str, Sequence[t.Any]] = look["files"]
    for of_job in wanted.values():
        for path, file in of_job.items():
            there = list(files[path]) if path in files else None
            if there != (None if file is None else [hashlib.sha256(file.content).hexdigest(), file.mode, file.owner]):
                return False
    return True


def served(look: Mapping[str, t.Any], wanted: Sequence[services.Desired]) -> bool:
    """Tell whether all services are as they have to be."""
    current = look.get("services") or {}
    if any(one.name not in current for one in wanted):
        return False
    return services.compare(wanted, {name: services.Current(**state) for name, state in current.items()}) == ()


class Asking(ActionBase):
    """The controller's side of a module that is called only where something may differ from what was seen."""

    _supports_check_mode = True
    _supports_async = False
    MODULE: t.ClassVar[str]

    def unchanged(self, variables: Mapping[str, t.Any] | None) -> bool:
        """Tell whether everything is known to be as the task wants it."""
        raise NotImplementedError

    def arguments(self, _variables: Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return what the module is called with."""
        return dict(self._task.args)

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        if self.unchanged(task_vars):
            return {**result, **SKIPPED}
        arguments = self.arguments(task_vars)
        return {**result, **self._execute_module(self.MODULE, module_args=arguments, task_vars=task_vars)}
