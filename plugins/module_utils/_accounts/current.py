# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host as it is now: account files, numbers in use, homes, shared folders and quotas of those who are concerned."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import folders, homes, store
from .ids import Found
from .model import Desired
from .people import Person
from .quota import Quotas
from .records import Register, read_register
from .tables import Tables


@dataclass(frozen=True)
class Current:
    """What was found. ``files`` are the account files by name without /etc/.

    ``homes`` go by login name, ``folders`` by path. ``quotas`` has the limits in bytes (0: none) by uid; ``no_quotas``
    says why this host has none. ``sub_ids`` are SUB_UID_MIN, SUB_UID_MAX and SUB_UID_COUNT of login.defs.
    """

    files: Mapping[str, bytes]
    register: Register = field(default_factory=Register)
    homes: Mapping[str, homes.Seen | None] = field(default_factory=dict)
    folders: Mapping[str, folders.Seen | None] = field(default_factory=dict)
    quotas: Mapping[int, int] = field(default_factory=dict)
    no_quotas: str = ""
    sub_ids: tuple[int, int, int] = (100000, 600100000, 65536)


def read_found(root: Path) -> Found:
    """Return the ids that a host has now; raises StoreError, ValueError."""
    return found(Tables.parse(store.read_tables(root)), read_register(root))


def found(tables: Tables, register: Register) -> Found:
    """Return the ids that stand in the account files and in the register."""
    return Found(
        accounts={entry[0]: (int(entry[2]), int(entry[3])) for entry in tables.passwd.entries() if entry[2].isdigit()},
        groups={entry[0]: int(entry[2]) for entry in tables.group.entries() if entry[2].isdigit()},
        recorded_users={name: record.uid for name, record in register.users.items()},
        recorded_groups=dict(register.groups),
    )


def look(
    people: Iterable[Person], register: Register, home: homes.Homes, only: frozenset[str] | None
) -> dict[str, homes.Seen | None]:
    """Return what the homes are like of those for whom something may be done, with the keys where these count."""
    seen: dict[str, homes.Seen | None] = {}
    for person in people:
        login = person.user.name
        if person.account and person.managed and (only is None or login in only):
            placed = register.users[login].ssh_keys if login in register.users else ()
            keys = person.state == "present" and (person.user.ssh_keys is not None or bool(placed))
            seen[login] = home.look(person.home, keys)
    return seen


def limits(people: Iterable[Person], desired: Desired, quotas: Quotas) -> dict[int, int]:
    """Return the limits in bytes, by uid, of those who shall have one (or shall have none)."""
    if quotas.reason:
        return {}
    return {person.uid: quotas.get(person.uid) for person in people if person.quota_bytes(desired) is not None}


def sub_ids(root: Path) -> tuple[int, int, int]:
    """Return SUB_UID_MIN, SUB_UID_MAX and SUB_UID_COUNT of login.defs."""
    values = {"SUB_UID_MIN": 100000, "SUB_UID_MAX": 600100000, "SUB_UID_COUNT": 65536}
    with contextlib.suppress(OSError):
        text = (root / "etc/login.defs").read_text(errors="replace")
        for key, value in re.findall(r"^(SUB_UID_\w+)\s+(\d+)", text, re.MULTILINE):
            values[key] = int(value)
    return values["SUB_UID_MIN"], values["SUB_UID_MAX"], values["SUB_UID_COUNT"]
