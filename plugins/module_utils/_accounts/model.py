# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory asks for, as data: people, groups and shared folders, with the settings of the role."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from .limits import Limits
from .settings import Settings


@dataclass(frozen=True)
class Group:
    """A lab group; ``gid`` is None until one is allocated. ``host_members`` are accounts that are not the lab's."""

    name: str
    gid: int | None = None
    limits: Limits = field(default_factory=Limits)
    host_members: tuple[str, ...] = ()


@dataclass(frozen=True)
class User:
    """A person as asked for. None in ``full_name``, ``shell`` and ``ssh_keys`` leaves alone what is on the host.

    ``groups`` name lab groups (authoritative), ``host_groups`` groups of the host (only ever added to). ``expires`` is
    the last day of access. ``quota_bytes`` 0 means no quota, None nothing said. ``room`` None:
    a person, else a room of a group with the image that it starts from (empty: the hub's default).
    """

    name: str
    system_name: str
    full_name: str | None = None
    groups: tuple[str, ...] = ()
    host_groups: tuple[str, ...] = ()
    admin: bool = False
    uid: int | None = None
    state: str = "present"
    expires: date | None = None
    ssh_keys: tuple[str, ...] | None = None
    shell: str | None = None
    limits: Limits = field(default_factory=Limits)
    quota_bytes: int | None = None
    room: str | None = None


@dataclass(frozen=True)
class Folder:
    """A folder that a group shares; ``others`` is ``none`` or ``read``."""

    path: str
    group: str
    others: str = "none"


@dataclass(frozen=True)
class Desired:
    """All that is asked for, in the order of the inventory."""

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    folders: tuple[Folder, ...] = ()
    settings: Settings = field(default_factory=Settings)
