# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of the lab's proxy: the variables of builds, of people's servers and of single tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..module_utils._docker import outgoing


def proxy_variables(
    http: str, https: str = "", no_proxy: Sequence[str] = (), more: Sequence[str] = ()
) -> dict[str, str]:
    """Return the variables that lead programs to the proxy; none without one."""
    return outgoing.variables(outgoing.desired(http or "", https or "", no_proxy), more)


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"proxy_variables": proxy_variables}
