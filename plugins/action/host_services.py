# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.host_services): no call where the look at the host may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.labserver.jupyter.plugins.module_utils._common import services
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _seen


def unchanged(arguments: dict[str, Any], variables: Mapping[str, Any] | None) -> bool:
    """Tell whether the services are as they have to be, and nothing was done since that looks."""
    if not boolean(arguments.get("untouched", False), strict=False):
        return False
    wanted = [
        services.Desired(
            one["name"],
            running=one.get("state", "running") == "running",
            masked=one.get("state", "running") == "masked",
        )
        for one in arguments["services"]
    ]
    return _seen.served(_seen.seen(variables), wanted)


class ActionModule(_seen.Asking):
    """Asks the host unless the task says that nothing was touched."""

    MODULE = "labserver.jupyter.host_services"

    def unchanged(self, variables: Mapping[str, Any] | None) -> bool:
        return unchanged(dict(self._task.args), variables)
