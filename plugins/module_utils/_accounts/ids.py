# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which uid and gid everybody has: the same on every server, for ever.

What was given once is recorded, in a file beside the inventory and in every host's register, and never given to anybody
else. Existing accounts keep their uid. Numbers are no hash of the name: that would depend on the order of arrival as
soon as two names meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .model import Desired
from .settings import Settings

HEADER = "# Numbers of people and groups on all servers. Written by the role accounts; keep it in version control."
LOWEST = 1000  # Debian gives the numbers below to the system


@dataclass(frozen=True)
class Found:
    """The ids of one host: accounts name -> (uid, gid), groups name -> gid, and its register's users and groups.

    ``foreign_users`` and ``foreign_groups`` are those that only the name service knows, as far as it was asked;
    ``sub_uids`` and ``sub_gids`` are ranges of further ids: first number, how many, and whose. ``trouble`` says why the
    name service cannot be asked.
    """

    accounts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    recorded_users: Mapping[str, int] = field(default_factory=dict)
    recorded_groups: Mapping[str, int] = field(default_factory=dict)
    foreign_users: Mapping[str, int] = field(default_factory=dict)
    foreign_groups: Mapping[str, int] = field(default_factory=dict)
    sub_uids: Sequence[tuple[int, int, str]] = ()
    sub_gids: Sequence[tuple[int, int, str]] = ()
    trouble: str = ""


@dataclass(frozen=True)
class Ids:
    """uid by login name and gid by group name, those of removed people included."""

    users: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)

    def dump(self) -> str:
        """Return the content of the file beside the inventory: one line a name, for version control."""
        lines = [f"group {name} {gid}" for name, gid in sorted(self.groups.items())]
        lines += [f"user {name} {uid}" for name, uid in sorted(self.users.items())]
        return "".join(f"{line}\n" for line in [HEADER, *lines])


def load(text: str, path: str) -> Ids:
    """Return the ids of the file's text (empty: none yet); raises ValueError that names path and line."""
    tables: dict[str, dict[str, int]] = {"user": {}, "group": {}}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 3 or words[0] not in tables or not words[2].isdecimal() or words[1] in tables[words[0]]:
            raise ValueError(
                f'{path} line {number}: "{line}" is damaged or there twice; each line says user or group, name and '
                "number; bring the file back from version control"
            )
        tables[words[0]][words[1]] = int(words[2])
    return Ids(tables["user"], tables["group"])


Hosts = Mapping[str, tuple[Desired, Found]]
UID_TEXT = (
    "accounts_users",
    "give the accounts one uid (usermod -u, then chown of what they own) or leave uid out",
)
GID_TEXT = (
    "accounts_groups",
    "give the groups one gid (groupmod -g, then chgrp of what they own) or leave gid out",
)


@dataclass
class _Claims:
    """Who says what about one name: number -> where it was said."""

    by_number: dict[int, list[str]] = field(default_factory=dict)

    def add(self, number: int | None, where: str) -> None:
        if number is not None:
            self.by_number.setdefault(number, []).append(where)

    def told(self) -> str:
        return ", ".join(f"{number} ({', '.join(where)})" for number, where in sorted(self.by_number.items()))


def allocate(hosts: Hosts, recorded: Ids, file: str = "") -> tuple[Ids, list[str]]:
    """Return every number, old and new, and all collisions; with collisions nothing may be touched.

    New numbers are the lowest free ones of the range, given in the order of the names, so the result depends only on
    the inventory, the records and what is on the hosts.
    """
    taken: set[int] = {*recorded.users.values(), *recorded.groups.values()}
    for _desired, found in hosts.values():
        taken |= {number for numbers in found.accounts.values() for number in numbers}
        taken |= {*found.groups.values(), *found.recorded_users.values(), *found.recorded_groups.values()}
        taken |= {*found.foreign_users.values(), *found.foreign_groups.values()}
    users: dict[str, int] = {}
    groups: dict[str, int] = {}
    where = file or "the records"
    fresh, problems = _settle(_claims_on_uids(hosts, recorded, where), users, *UID_TEXT)
    fresh_groups, more = _settle(_claims_on_gids(hosts, recorded, where), groups, *GID_TEXT)
    problems += more
    wanted = {user.name for desired, _found in hosts.values() for user in desired.users if user.state != "absent"}
    fresh = [name for name in fresh if name in wanted]  # nobody needs a number to be absent

    settings = next((desired.settings for desired, _found in hosts.values()), Settings())
    taken |= {*users.values(), *groups.values()}
    ranges = [one for _desired, found in hosts.values() for one in (*found.sub_uids, *found.sub_gids)]
    for what, names, given, numbers in (
        ("uid", fresh, users, range(settings.uid_min, settings.uid_max + 1)),
        ("gid", fresh_groups, groups, range(settings.gid_min, settings.gid_max + 1)),
    ):
        taken |= _within(ranges, numbers)
        problems += _give(names, given, taken, what, numbers)
    if not problems:
        labs = {group.name for desired, _found in hosts.values() for group in desired.groups}
        problems += _doubles(users, wanted, "accounts_users", "uid") + _doubles(groups, labs, "accounts_groups", "gid")
        problems += _owned_by_others(hosts, users, groups)
    return Ids(users, groups), problems


def _claims_on_uids(hosts: Hosts, recorded: Ids, where: str) -> dict[str, _Claims]:
    claims: dict[str, _Claims] = {}
    for name, uid in recorded.users.items():
        claims.setdefault(name, _Claims()).add(uid, where)
    for host, (desired, found) in sorted(hosts.items()):
        for name, uid in found.recorded_users.items():
            claims.setdefault(name, _Claims()).add(uid, f"register of {host}")
        for user in desired.users:
            claim = claims.setdefault(user.name, _Claims())
            claim.add(user.uid, f"uid of the inventory for {host}")
            claim.add(found.accounts.get(user.system_name, (None, None))[0], f"account on {host}")
    return claims


def _claims_on_gids(hosts: Hosts, recorded: Ids, where: str) -> dict[str, _Claims]:
    claims: dict[str, _Claims] = {}
    for name, gid in recorded.groups.items():
        claims.setdefault(name, _Claims()).add(gid, where)
    for host, (desired, found) in sorted(hosts.items()):
        for name, gid in found.recorded_groups.items():
            claims.setdefault(name, _Claims()).add(gid, f"register of {host}")
        for group in desired.groups:
            claim = claims.setdefault(group.name, _Claims())
            claim.add(group.gid, f"gid of the inventory for {host}")
            claim.add(found.groups.get(group.name), f"group on {host}")
    return claims


def _settle(claims: Mapping[str, _Claims], given: dict[str, int], key: str, remedy: str) -> tuple[list[str], list[str]]:
    """Enter what all agree on into ``given``; return the names without a number and what does not agree."""
    fresh: list[str] = []
    problems: list[str] = []
    for name, claim in sorted(claims.items()):
        if len(claim.by_number) > 1:
            problems.append(f"{key} (name={name}): has more than one number: {claim.told()}; {remedy}")
        elif claim.by_number:
            given[name] = next(iter(claim.by_number))
        else:
            fresh.append(name)
    return fresh, problems


def _give(names: list[str], given: dict[str, int], taken: set[int], what: str, numbers: range) -> list[str]:
    """Give every name the lowest free number; returns a problem when there are not enough."""
    free = (number for number in numbers if number not in taken)
    for position, name in enumerate(names):
        number = next(free, None)
        if number is None:
            return [
                f"accounts_{what}_min..accounts_{what}_max ({numbers[0]} to {numbers[-1]}) is used up; "
                f"{len(names) - position} names need one more; widen the range"
            ]
        given[name] = number
    taken.update(given.values())
    return []


def _within(ranges: Iterable[tuple[int, int, str]], numbers: range) -> set[int]:
    """Return which of the numbers lie in ranges of further ids, which containers of somebody use."""
    return {
        number
        for first, count, _name in ranges
        for number in range(max(first, numbers.start), min(first + count, numbers.stop))
    }


def _doubles(given: Mapping[str, int], wanted: set[str], key: str, what: str) -> list[str]:
    """Find numbers of two names, unless nobody wants either: what is only remembered must not stop a run."""
    problems: list[str] = []
    owner: dict[int, str] = {}
    for name, number in sorted(given.items(), key=lambda item: (item[0] in wanted, item[0])):
        other = owner.setdefault(number, name)
        if other != name and name in wanted:
            problems.append(
                f"{key} (name={name}): {what} {number} is or was that of {other} and is never given again; "
                f"choose another {what} or leave it out"
            )
    return problems


def _owned_by_others(hosts: Hosts, users: Mapping[str, int], groups: Mapping[str, int]) -> list[str]:
    """Find numbers that an account or group which is not the lab's has on a host where they are needed."""
    problems: list[str] = []
    for host, (desired, found) in sorted(hosts.items()):
        problems += _of_the_system(host, desired, found)
        problems += _foreign(host, desired, found)
        account_of = {uid: name for name, uid in found.foreign_users.items()}
        account_of |= {uid: name for name, (uid, _gid) in found.accounts.items()}
        group_of = {gid: name for name, gid in found.foreign_groups.items()}
        group_of |= {gid: name for name, gid in found.groups.items()}
        for user in desired.users:
            uid = users.get(user.name)
            if uid is None or user.state == "absent":
                continue
            where = f"accounts_users (name={user.name}): uid {uid}"
            if account_of.get(uid, user.system_name) != user.system_name:
                problems.append(
                    f"{where} belongs to the account {account_of[uid]} on {host}; give that one another uid"
                )
            elif user.system_name not in found.accounts and group_of.get(uid, user.system_name) != user.system_name:
                problems.append(
                    f"{where} is needed as gid of the person's own group, but is that of the group {group_of[uid]} "
                    f"on {host}; give that one another gid"
                )
            elif user.system_name not in found.accounts:
                problems += _in_a_range(where, uid, found, host, user.system_name)
        for group in desired.groups:
            gid = groups.get(group.name)
            if gid is not None and group_of.get(gid, group.name) != group.name:
                problems.append(
                    f"accounts_groups (name={group.name}): gid {gid} belongs to the group {group_of[gid]} on {host}; "
                    "give that one another gid"
                )
            elif gid is not None and group.name not in found.groups:
                where = f"accounts_groups (name={group.name}): gid {gid}"
                problems += _in_a_range(where, gid, Found(sub_gids=found.sub_gids), host, group.name)
    return problems


def _in_a_range(where: str, number: int, found: Found, host: str, own: str) -> list[str]:
    return [
        f"{where} lies in the range {first}:{count} of further ids of {name} in {file} on {host}; choose another number"
        for file, ranges in (("/etc/subuid", found.sub_uids), ("/etc/subgid", found.sub_gids))
        for first, count, name in ranges
        if first <= number < first + count and name != own
    ][:1]


def _foreign(host: str, desired: Desired, found: Found) -> list[str]:
    """Find names that only the name service knows: an account of the lab would hide those of the directory."""
    new = [u for u in desired.users if u.state != "absent" and u.system_name not in found.accounts]
    labs = [group for group in desired.groups if group.name not in found.groups]
    if found.trouble and (new or labs):
        return [f"{host}: {found.trouble}"]
    problems = [
        f"accounts_users (name={user.name}): {user.system_name} is an account of a directory on {host} (uid "
        f"{found.foreign_users[user.system_name]}, not in /etc/passwd), which would be hidden; choose another name or "
        "system_name"
        for user in new
        if user.system_name in found.foreign_users
    ]
    problems += [
        f"accounts_groups (name={group.name}): is a group of a directory on {host} (gid "
        f"{found.foreign_groups[group.name]}, not in /etc/group), which would be hidden; choose another name"
        for group in labs
        if group.name in found.foreign_groups
    ]
    return problems


def _of_the_system(host: str, desired: Desired, found: Found) -> list[str]:
    """Find accounts and groups of the distribution, which a lab must not take over."""
    problems = [
        f"accounts_users (name={user.name}): {user.system_name} is an account of the system on {host} "
        f"(uid {found.accounts[user.system_name][0]}); choose another name"
        for user in desired.users
        if found.accounts.get(user.system_name, (LOWEST, 0))[0] < LOWEST
    ]
    problems += [
        f"accounts_groups (name={group.name}): is a group of the system on {host} (gid {found.groups[group.name]}); "
        "choose another name, or name it in host_groups of the people"
        for group in desired.groups
        if found.groups.get(group.name, LOWEST) < LOWEST
    ]
    for user in desired.users:
        problems += [
            f'accounts_users (name={user.name}): host_groups holds "{group}", '
            + (
                f"which {host} has from a directory; add people to it there"
                if group in found.foreign_groups
                else f"but {host} has no such group; correct the name, or install what brings it first"
            )
            for group in user.host_groups
            if group not in found.groups and user.state != "absent"
        ]
    return problems
