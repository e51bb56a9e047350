# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads extensions of the server when the first request for them comes: a server that nobody looks at needs none.

Which extensions a server has is said as everywhere (``jupyter server extension list``); this is about when they are
read.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from jupyter_server.extension.manager import ExtensionManager
from tornado.routing import PathMatches, Router, Rule

# By extension the paths below the server's address for which it is needed. (jupyter_lsp adds to the page's settings.)
PATHS = {
    "jupyter_lsp": ("lsp", "lab"),
    "jupyter_resource_usage": ("api/metrics/v1",),
    "jupyterlab_git": ("git",),
    "nbdime": ("nbdime",),
    "nbgitpuller": ("git-pull", "git-sync", "interact"),
}
add_extension = ExtensionManager.add_extension
load_all_extensions = ExtensionManager.load_all_extensions


class Waiting(Router):
    """An extension that is loaded by the first request for one of its paths."""

    def __init__(self, manager: ExtensionManager, name: str):
        self._manager, self._name, self._loaded = manager, name, False

    def rule(self) -> Rule:
        """Return what stands before all that the server answers itself."""
        base = re.escape(self._manager.serverapp.web_app.settings["base_url"])
        return Rule(PathMatches(rf"{base}(?:{'|'.join(map(re.escape, PATHS[self._name]))})(?:/.*)?"), self)

    def find_handler(self, request: Any, **_arguments: Any) -> Any:
        """Return who answers the request. None lets the next rules be tried."""
        if self._loaded:
            return None
        self._loaded = True
        add_extension(self._manager, self._name, enabled=True)
        if self._name in self._manager.extensions:
            self._manager.link_extension(self._name)
            self._manager.load_extension(self._name)
            self._starting = asyncio.ensure_future(self._manager.start_extension(self._name))
        return self._manager.serverapp.web_app.find_handler(request)


def _add(manager: ExtensionManager, name: str, enabled: bool = False) -> bool:
    """Add an extension, or note that it is wanted later."""
    if enabled and name in PATHS:
        manager.__dict__.setdefault("_waiting", []).append(name)
        return True
    return bool(add_extension(manager, name, enabled=enabled))


def _load_all(manager: ExtensionManager) -> None:
    """Load the extensions, but for those that wait."""
    load_all_extensions(manager)
    rules = manager.serverapp.web_app.default_router.rules
    rules[:0] = [Waiting(manager, name).rule() for name in manager.__dict__.get("_waiting", ())]


def install() -> None:
    """Let the extensions of ``PATHS`` wait in servers that this process makes."""
    ExtensionManager.add_extension = _add
    ExtensionManager.load_all_extensions = _load_all
