# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps packed modules for the next run; see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
name: module_cache
type: notification
short_description: Keeps packed modules, so that the next run starts sooner
version_added: 0.2.0
description:
  - Ansible packs a module and all that it imports anew in each run, which takes half a second of the controller for
    each module. This callback keeps the packed modules of this collection and of C(community.docker), and with
    ansible-core 2.19 and later those of C(ansible.builtin), and gives them to the next run. Other modules are packed as
    before.
  - They are kept in C(labserver-modules) in the folder of Ansible's state (C(ANSIBLE_HOME)), a folder for each state of
    what goes into them - files of this collection, versions of C(community.docker), ansible-core and Python. Folders
    that no run has used for a month are removed. What is kept holds no arguments of a module and no variable.
  - A folder that others may write to, or that belongs to somebody else, is not used.
author:
  - The labserver.jupyter authors (@labserver)
requirements:
  - named in C(callbacks_enabled) of the configuration, as the C(ansible.cfg) of this collection's checkout has it
"""

import hashlib
import os
import shutil
import sys
import time
import typing as t
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__

COLLECTION = Path(__file__).resolve().parents[2]
# Before 2.19 a module of the user's own beside a playbook is packed under a name of ansible.builtin.
KEPT = ("ansible_collections.labserver.jupyter.", "ansible_collections.community.docker.") + (
    ("ansible.modules.",) if tuple(int(part) for part in __version__.split(".")[:2]) >= (2, 19) else ()
)
UNUSED_FOR = 31 * 24 * 3600  # seconds


def state() -> str:
    """Return what changes with everything that is packed."""
    others = [
        Path(root) / "ansible_collections" / "community" / "docker" / "MANIFEST.json"
        for root in [*constants.COLLECTIONS_PATHS, *sys.path]
    ]
    sources = [*sorted((COLLECTION / "plugins").rglob("*.py")), *(path for path in others if path.is_file())]
    known = [f"{path} {(found := path.stat()).st_mtime_ns} {found.st_size}" for path in sources]
    return hashlib.sha256("\n".join([__version__, sys.version, sys.prefix, *known]).encode()).hexdigest()[:16]


def private(folder: Path) -> bool:
    """Tell whether nobody else writes to a folder: Ansible believes what it reads there."""
    found = folder.lstat()
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022 and not folder.is_symlink()


def copied(source: Path, target: Path) -> None:
    """Copy the packed modules that are kept and not there yet, each under its name only when it is whole."""
    for path in source.iterdir():
        if path.name.startswith(KEPT) and path.suffix != ".lock" and not (target / path.name).exists():
            part = target / f".{path.name}.{os.getpid()}"
            shutil.copyfile(path, part)
            part.rename(target / path.name)


def remove_unused(folder: Path, now: float) -> None:
    """Remove folders of former states that no run has used for a month."""
    for path in folder.iterdir():
        if now - path.stat().st_mtime > UNUSED_FOR:
            shutil.rmtree(path, ignore_errors=True)


class CallbackModule(CallbackBase):
    """Fills the run's folder of packed modules at its start, and keeps what is new at its end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "labserver.jupyter.module_cache"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.kept = Path(constants.config.get_config_value("ANSIBLE_HOME")) / "labserver-modules" / state()
        self.own = Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"

    def v2_playbook_on_start(self, _playbook: t.Any) -> None:
        try:
            self.kept.parent.parent.mkdir(parents=True, exist_ok=True)
            self.kept.parent.mkdir(mode=0o700, exist_ok=True)
            self.kept.mkdir(mode=0o700, exist_ok=True)
            self.disabled = not private(self.kept.parent) or not private(self.kept)
            if self.disabled:
                return
            os.utime(self.kept)
            self.own.mkdir(exist_ok=True)
            copied(self.kept, self.own)
            remove_unused(self.kept.parent, time.time())
        except OSError:  # a full disk must not end a run that would do without
            self.disabled = True

    def v2_playbook_on_stats(self, _stats: t.Any) -> None:
        try:
            copied(self.own, self.kept)
        except OSError:
            self._display.vv(f"packed modules are not kept: {self.kept} cannot be written")
