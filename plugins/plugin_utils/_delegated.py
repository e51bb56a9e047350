# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action of Ansible's that an action of ours lets do the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible.plugins.action import ActionBase


def run(
    action: ActionBase, name: str, arguments: Mapping[str, Any], task_vars: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Run the action ``name`` with these arguments in place of ``action``; returns its result.

    It shows no diff: what it brings is packed, and has none that a person could read.
    """
    task = action._task.copy()
    task.args = dict(arguments)
    task.diff = False
    other = action._shared_loader_obj.action_loader.get(
        name,
        task=task,
        connection=action._connection,
        play_context=action._play_context,
        loader=action._loader,
        templar=action._templar,
        shared_loader_obj=action._shared_loader_obj,
    )
    return cast(dict[str, Any], other.run(task_vars=task_vars))
