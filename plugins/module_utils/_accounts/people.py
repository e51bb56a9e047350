# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who shall be on a host: everybody in the lists, and those whom the host remembers though no list names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from .ids import Ids
from .limits import Limits, merge
from .model import Desired, User
from .records import Record, Register
from .tables import Tables, members_of


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

    def quota_bytes(self, desired: Desired) -> int | None:
        """Return the limit on what the person stores (0: none shall be set); None where nothing is to be done."""
        if not self.account or not self.managed or self.state != "present":
            return None
        own = self.user.quota_bytes
        return own if own is not None else desired.settings.quota_bytes


def people(desired: Desired, ids: Ids, tables: Tables, register: Register, today: date) -> Iterator[Person]:
    """Yield everybody who is listed, then those that this host remembers but the inventory does not."""
    limits = {group.name: group.limits for group in desired.groups}
    labs = {group.name: ids.groups[group.name] for group in desired.groups}
    listed = {user.name for user in desired.users}
    for user in desired.users:
        entry = tables.passwd.get(user.system_name)
        old = register.users.get(user.name)
        state = "absent" if user.expires is not None and user.expires < today else user.state
        if user.name not in ids.users:
            continue  # absent, and this lab never knew them
        uid = ids.users[user.name]
        if state != "present" and entry is None:
            if old is not None:  # the account is gone already; the name stays known
                yield _remembered(user, old, state)
            elif state == "locked":
                yield _person(user, (uid, uid), desired, limits, state)
            continue
        if entry is not None:
            numbers = tables.passwd.number(user.system_name, 2), tables.passwd.number(user.system_name, 3)
            person = _person(user, numbers, desired, limits, state)
            yield replace(
                person,
                home=entry[5],
                shell=user.shell or entry[6],
                full_name=user.full_name if user.full_name is not None else entry[4].rstrip(","),
            )
        else:
            own = tables.group.get(user.system_name)
            gid = tables.group.number(user.system_name, 2) if own else labs.get(user.system_name, uid)
            yield _person(user, (uid, gid), desired, limits, state)
    for name, old in sorted(register.users.items()):
        if name in listed:
            continue
        state = old.state or "present"
        if state == "present" and desired.settings.unlisted == "lock":
            state = "locked"
        entry = tables.passwd.get(old.system_name)
        user = User(name, old.system_name, full_name=old.full_name, state=state)
        known = _remembered(user, old, state)
        if entry is not None:
            full_name = entry[4].rstrip(",")
            known = replace(known, account=True, home=entry[5], shell=entry[6], full_name=full_name)
        if state == "present":
            groups = (group for group in register.groups if old.system_name in members_of(tables, group))
            known = replace(known, managed=False, groups=tuple(groups))
        yield known


def _person(user: User, ids: tuple[int, int], desired: Desired, limits: Mapping[str, Limits], state: str) -> Person:
    settings = desired.settings
    return Person(
        user=user,
        system_name=user.system_name,
        uid=ids[0],
        gid=ids[1],
        home=f"{settings.home_folder}/{user.system_name}",
        shell=user.shell or settings.shell,
        full_name=user.full_name or "",
        state=state,
        groups=() if state == "absent" else user.groups,
        limits=Limits()
        if state == "absent"
        else merge(user.limits, (limits[group] for group in user.groups if group in limits)),
    )


def _remembered(user: User, old: Record, state: str) -> Person:
    return Person(
        user=user,
        system_name=old.system_name,
        uid=old.uid,
        gid=old.gid,
        home=old.home,
        shell=old.shell,
        full_name=user.full_name or old.full_name,
        state=state,
        groups=(),
        limits=Limits(),
        account=False,
    )
