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

from . import folders, homes, nss, store
from .ids import Found, Ids
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


def read_found(root: Path, desired: Desired) -> Found:
    """Return the ids that a host has now, and who else has a name or number that is wanted.

    Raises StoreError, ValueError.
    """
    return found(Tables.parse(store.read_tables(root)), read_register(root), nss.read(root), desired, Ids())


def found(tables: Tables, register: Register, service: nss.NameService, desired: Desired, given: Ids) -> Found:
    """Return the ids of account files, register, name service and ranges of further ids; ``given`` are known ones."""
    accounts = {
        entry[0]: (int(entry[2]), int(entry[3]))
        for entry in tables.passwd.entries()
        if entry[2].isdecimal() and entry[3].isdecimal()
    }
    groups = {entry[0]: int(entry[2]) for entry in tables.group.entries() if entry[2].isdecimal()}
    for user in desired.users:  # an entry that cannot be read is there all the same
        if user.system_name in tables.passwd and user.system_name not in accounts:
            for number in (2, 3):
                tables.passwd.number(user.system_name, number)
    for group in desired.groups:
        if group.name in tables.group and group.name not in groups:
            tables.group.number(group.name, 2)
    sub_uids, sub_gids = (tables.ranges(name) for name in ("subuid", "subgid"))
    recorded = {name: record.uid for name, record in register.users.items()}
    wanted = question(desired, accounts, groups, {**recorded, **given.users}, {**register.groups, **given.groups})
    uids = {name: uid for name, (uid, _gid) in accounts.items()}
    foreign = nss.ask(service, wanted, uids, groups, {*recorded.values(), *register.groups.values()})
    return Found(
        accounts=accounts,
        groups=groups,
        recorded_users=recorded,
        recorded_groups=dict(register.groups),
        foreign_users=foreign.users,
        foreign_groups=foreign.groups,
        sub_uids=sub_uids,
        sub_gids=sub_gids,
        trouble=service.trouble,
    )


def question(
    desired: Desired,
    accounts: Mapping[str, object],
    groups: Mapping[str, int],
    users_given: Mapping[str, int],
    groups_given: Mapping[str, int],
) -> nss.Question:
    """Return what the name service has to be asked for: all that this run may create."""
    settings = desired.settings
    new = [user for user in desired.users if user.state != "absent" and user.system_name not in accounts]
    labs = [group for group in desired.groups if group.name not in groups]
    uids = [user.uid if user.uid is not None else users_given.get(user.name) for user in new]
    gids = [group.gid if group.gid is not None else groups_given.get(group.name) for group in labs]
    return nss.Question(
        users=frozenset(user.system_name for user in new),
        groups=frozenset(user.system_name for user in new)
        | frozenset(group.name for group in labs)
        | frozenset(name for user in desired.users for name in user.host_groups),
        uids=frozenset(uid for uid in uids if uid is not None),
        gids=frozenset(gid for gid in gids if gid is not None),
        new_uids=uids.count(None),
        new_gids=gids.count(None),
        uid_range=range(settings.uid_min, settings.uid_max + 1),
        gid_range=range(settings.gid_min, settings.gid_max + 1),
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
