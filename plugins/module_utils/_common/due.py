# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Marks for "this service has to be restarted", which outlive the run that changed its files.

Whoever changes what a service reads at its start makes the mark first, then changes; whoever restarts the service
removes the mark afterwards. A run that ends in between leaves the mark, and the next one restarts the service. They lie
below /run: a boot starts everything anew anyway.
"""

from __future__ import annotations

from pathlib import Path

from . import lock

FOLDER = "run/labserver/restart-due"


def mark(root: Path, service: str) -> None:
    """Note that ``service`` (a systemd unit with its suffix) has to be restarted."""
    lock.folder(root / lock.FOLDER)
    folder = root / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / service).touch(mode=0o600)


def marked(root: Path, service: str) -> bool:
    """Tell whether a restart of ``service`` is due."""
    return (root / FOLDER / service).exists()


def clear(root: Path, service: str) -> None:
    """Note that ``service`` was started with what its files hold now."""
    (root / FOLDER / service).unlink(missing_ok=True)
