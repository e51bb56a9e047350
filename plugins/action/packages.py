# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.packages): no call where the look at the host found all packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._docker import outgoing
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _seen


def unchanged(arguments: dict[str, Any], variables: Mapping[str, Any] | None) -> bool:
    """Tell whether nothing but the names of packages was asked for, and all of them are there."""
    names = arguments.get("name")
    names = names.split(",") if isinstance(names, str) else names
    if not isinstance(names, list) or set(arguments) - {"name", "kernel_modules"} or arguments.get("kernel_modules"):
        return False
    return _seen.installed(_seen.seen(variables), [str(name).strip() for name in names])


def coming(arguments: dict[str, Any], variables: Mapping[str, Any] | None) -> list[str] | None:
    """Return the packages that a bundle would bring which check mode did not install; None: there is no such bundle."""
    bundle = (variables or {}).get("__labserver_bundle")
    if not isinstance(bundle, Mapping):
        return None
    names = arguments.get("name")
    names = names.split(",") if isinstance(names, str) else list(names or [])
    look = _seen.seen(variables)
    wanted = [str(name).strip() for name in names if not _seen.installed(look, [str(name).strip()])]
    return wanted if set(wanted) <= set(bundle["packages"]) else None


def way_out(templar: Any, variables: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the variables that lead apt to the lab's proxy. In check mode on a bare host no file names it yet."""
    known = variables or {}
    http, https, direct = (
        templar.template(known.get(f"labserver_{name}", empty))
        for name, empty in (("http_proxy", ""), ("https_proxy", ""), ("no_proxy", []))
    )
    return outgoing.variables(outgoing.desired(http or "", https or "", direct or []))


class ActionModule(_seen.Asking):
    """Asks the host where a package is missing or not known."""

    MODULE = "labserver.jupyter.packages"

    def unchanged(self, variables: Mapping[str, Any] | None) -> bool:
        return unchanged(dict(self._task.args), variables)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        wanted = coming(dict(self._task.args), task_vars) if self._task.check_mode else None
        if wanted is None:
            return super().run(tmp, task_vars)
        return {"changed": bool(wanted), "missing": wanted, "refreshed": ""}

    def arguments(self, variables: Mapping[str, Any] | None) -> dict[str, Any]:
        # As an argument and not in the environment of the task, which a list of the host's processes would show.
        return {**super().arguments(variables), "outgoing": way_out(self._templar, variables)}
