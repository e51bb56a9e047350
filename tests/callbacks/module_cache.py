# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the modules that Ansible packs for hosts, so that the next run of the tests need not pack them again.

Ansible reads a module and all that it imports anew in each run, which took a quarter of what the scenarios compute. It
packs each into a folder of its own run, with a lock and a rename, so several runs may share one. The shared one
belongs to the files of this checkout as they are now.
"""

from __future__ import annotations

import hashlib
import os
import sys
import typing as t
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__

DOCUMENTATION = r"""
name: module_cache
type: notification
short_description: Keeps packed modules for the next run
description: Modules are packed into .cache/modules of the checkout, a folder for each state of its plugins.
requirements: []
"""


def state_of_modules(root: Path) -> str:
    """Return what changes with everything that is packed: files of this collection, and what is installed."""
    files = sorted([*(root / "plugins").rglob("*.py"), root / "requirements-dev.txt"])
    known = [f"{file} {(found := file.stat()).st_mtime_ns} {found.st_size}" for file in files]
    return hashlib.sha256("\n".join([__version__, sys.version, sys.prefix, *known]).encode()).hexdigest()[:16]


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "module_cache"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        folder = os.environ.get("MOLECULE_PROJECT_DIRECTORY", "")
        self.disabled = not folder
        self.root = Path(folder)

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        kept = self.root / ".cache" / "modules" / state_of_modules(self.root)
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"
        if not own.exists():
            own.symlink_to(kept)
