# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a host, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field

STOPS = (
    "system",
    "architecture",
    "init",
    "python",
    "disk",
    "snap_docker",
    "podman_docker",
    "tljh",
    "jupyterhub",
    "web_server",
    "other_hub",
    "other_registry",
)
"""Findings that stop a run unless the inventory accepts them, in the order in which they are said."""
WARNS = ("cloud_init", "firewalld", "low_disk", "low_memory", "ufw", "untested_architecture")
"""Findings that are only said."""


PARTS = {"hub": "labserver_hubs", "registry": "labserver_registries"}
"""Parts of a lab that not every server has -> the group of the inventory whose servers have it."""


@dataclass(frozen=True)
class System:
    """From os-release(5): ``name`` is ID, ``version`` VERSION_ID, ``like`` ID_LIKE, ``codename`` VERSION_CODENAME."""

    name: str = ""
    version: str = ""
    like: tuple[str, ...] = ()
    codename: str = ""
    pretty: str = "a system without /etc/os-release"


@dataclass(frozen=True)
class Facts:
    """A host as it is. Sizes in bytes, zero where they are not known.

    ``cgroup`` is ``v1``, ``v2`` or ``hybrid``. ``free_bytes`` is where /var lies. ``listeners`` maps ports to the
    program that listens there. ``lab_server`` is whether this collection has set up the host before, ``parts`` which of
    ``PARTS`` it has.
    """

    system: System
    kernel: str
    architecture: str
    cgroup: str
    init: str
    python: tuple[int, int, int]
    memory_bytes: int
    free_bytes: int
    listeners: dict[int, str] = field(default_factory=dict)
    found: frozenset[str] = frozenset()
    lab_server: bool = False
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Finding:
    """``name`` is one of ``STOPS`` or ``WARNS``; ``text`` is one sentence, with the way out if there is one."""

    name: str
    text: str
    stops: bool
