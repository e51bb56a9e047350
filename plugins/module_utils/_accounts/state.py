# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host as it is, people as they shall be, and the plan that lies between the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from .folders import FolderSeen
from .limits import Limits
from .model import Folder, User
from .quota import Quotas
from .register import Record, Register
from .tables import Tables

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Action:
    """One thing to do, for people to read: ``what`` is done with ``name``, and the detail."""

    what: str
    name: str
    detail: str = ""


@dataclass(frozen=True)
class Seen:
    """A home on the host: owner, permission bits, and the keys in ``.ssh/authorized_keys`` (None: not looked at)."""

    uid: int
    gid: int
    mode: int
    keys: tuple[str, ...] | None = None
    is_folder: bool = True


@dataclass(frozen=True)
class Host:
    """A host as it is. ``look`` tells of a home (None: it is not there), with its keys when asked."""

    tables: Tables
    register: Register
    look: Callable[[str, bool], Seen | None]
    look_folder: Callable[[str], FolderSeen | None]
    quotas: Quotas = field(default_factory=lambda: Quotas(reason="this host has none"))
    sub_ids: tuple[int, int, int] = (100000, 600100000, 65536)  # SUB_UID_MIN, _MAX, _COUNT of login.defs


@dataclass(frozen=True)
class Person:
    """A person as they shall be on this host; ``state`` is the effective one (expired people are absent).

    ``account`` False: the account is gone, only the name is remembered. ``managed`` False: unlisted, to be kept as is.
    """

    user: User
    system_name: str
    uid: int
    gid: int
    home: str
    shell: str
    full_name: str
    state: str
    groups: tuple[str, ...]
    limits: Limits
    account: bool = True
    managed: bool = True


@dataclass
class Plan:
    """All that is to be done; ``tables`` and ``register`` are the new ones, lists name people by login name."""

    tables: Tables
    register: Register
    today: date = EPOCH
    records: dict[str, Record] = field(default_factory=dict)  # those of the register, while they are worked on
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    make_home: list[str] = field(default_factory=list)
    close_home: list[str] = field(default_factory=list)
    place_keys: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    archive: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    leave_home: list[str] = field(default_factory=list)
    make_folder: list[Folder] = field(default_factory=list)
    set_quota: list[tuple[str, int]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def act(self, what: str, name: str, detail: str = "") -> None:
        self.actions.append(Action(what, name, detail))
