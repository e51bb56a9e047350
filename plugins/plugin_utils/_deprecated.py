# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inputs that are going or gone: the one table that the check of an inventory and the documentation read.

An input that gets another name stays in the argument spec of its role as long as it works, and its line in the table
makes the check warn of it. When it is taken out of the spec, the same line makes the check refuse it with what to do.
Modules and filters with another name stand in ``meta/runtime.yml``, which Ansible reads itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Deprecated:
    """``since``: the release that announces it; ``removal``: the release, a new major one, in which it is gone.

    ``instead``: the input that took its place, or an empty text. ``remedy``: what to do, a sentence without its stop.
    """

    name: str
    since: str
    removal: str
    instead: str
    remedy: str


# Sorted by name. A line stays for good: who skips releases needs it most.
TABLE: tuple[Deprecated, ...] = ()


def _told(entry: Deprecated) -> str:
    use = f"use {entry.instead}" if entry.instead else ""
    return "; ".join(part for part in (use, entry.remedy) if part)


def warnings(names: Collection[str], known: Collection[str], table: Sequence[Deprecated] = TABLE) -> list[str]:
    """Return a warning for each of the variables that still works and will not for long. ``known`` are all inputs."""
    return [
        f"{entry.name}: deprecated since {entry.since}, works until {entry.removal}; {_told(entry)}"
        for entry in table
        if entry.name in names and entry.name in known
    ]


def gone(name: str, table: Sequence[Deprecated] = TABLE) -> str:
    """Return what to say of an input that is in no spec any more, or an empty text when it never was in one."""
    entry = next((entry for entry in table if entry.name == name), None)
    return f"{name}: is no input since {entry.removal}; {_told(entry)}" if entry else ""
