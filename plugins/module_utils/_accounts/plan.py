# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done on a host: desired people and groups compared with what is there. Nothing here has an effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from .._common.folders import meets
from . import folders, members
from .change import Action, Change, Task, change
from .current import Current
from .ids import LOWEST, Ids
from .model import Desired, Folder
from .people import Person
from .records import Register
from .tables import Ranges, Tables

NOBODY = 65534  # uid of the account nobody; its home does not exist


@dataclass(frozen=True)
class Plan:
    """All that is to be done; with ``problems``, which only this host can tell, nothing is.

    ``people`` go by login name. ``register`` is what will be remembered, ``files`` are the account files that change:
    name without /etc/ -> (before, after). ``tasks`` are (task, login name), ``quotas`` (login name, bytes).
    """

    people: Mapping[str, Person]
    register: Register
    files: Mapping[str, tuple[bytes, bytes]]
    actions: tuple[Action, ...] = ()
    tasks: tuple[tuple[Task, str], ...] = ()
    folders: tuple[Folder, ...] = ()
    quotas: tuple[tuple[str, int], ...] = ()
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def logins(self, *tasks: Task) -> tuple[str, ...]:
        """Return the login names of those for whom one of these tasks is to be done, each once."""
        return tuple(dict.fromkeys(login for wanted in tasks for task, login in self.tasks if task == wanted))


def compare(
    desired: Desired,
    ids: Ids,
    people: Iterable[Person],
    current: Current,
    today: date,
    only: frozenset[str] | None = None,
) -> Plan:
    """Return the plan. With ``only`` nothing is planned but for the people of these login names."""
    tables = Tables.parse(current.files)
    labs = {group.name: ids.groups[group.name] for group in desired.groups}
    groups = {**current.register.groups, **labs}
    everybody = {person.user.name: person for person in people}
    actions = _lab_groups(tables, labs) if only is None else ()
    changes: dict[str, Change] = {}
    for login, person in everybody.items():
        if person.account and person.managed and (only is None or login in only):
            old = current.register.users.get(login)
            changes[login] = change(person, old, tables, current.homes[login], desired.settings, today)
            _enter(tables, person, changes[login], current.sub_ids)
    plan = Plan(
        everybody,
        Register({**current.register.users, **{login: made.record for login, made in changes.items()}}, groups),
        files={},
        actions=(*actions, *(action for made in changes.values() for action in made.actions)),
        tasks=tuple((task, login) for login, made in changes.items() for task in made.tasks),
        notices=tuple(notice for made in changes.values() for notice in made.notices),
        problems=(
            *_nobody_left(desired, current.register),
            *(problem for made in changes.values() for problem in made.problems),
        ),
    )
    if only is None:
        belonging = members.wanted(tables, desired, everybody.values(), groups, plan.logins(Task.REMOVE))
    else:
        belonging = members.without(tables, everybody, groups, only)
    for group, names in belonging.items():
        plan = _plus(plan, actions=members.set_members(tables, group, names))
    if only is None:
        plan = _quotas(plan, desired, current)
        for folder in desired.folders:
            seen = current.folders[folder.path]
            plan = _shared_folder(plan, folder, groups[folder.group], seen, tables)
    return replace(plan, files=tables.changed())


def _plus(
    plan: Plan,
    *,
    actions: tuple[Action, ...] = (),
    notices: tuple[str, ...] = (),
    problems: tuple[str, ...] = (),
) -> Plan:
    return replace(
        plan,
        actions=plan.actions + actions,
        notices=plan.notices + notices,
        problems=plan.problems + problems,
    )


def _nobody_left(desired: Desired, register: Register) -> tuple[str, ...]:
    present = [name for name, record in register.users.items() if record.state == "present"]
    if not present or desired.users or desired.settings.unlisted != "lock":
        return ()
    return (
        f"accounts_users: is empty, but this host has {len(present)} people, who would all be locked; is a file of "
        "the inventory missing? Give those who leave state absent, or set accounts_unlisted to keep",
    )


def _lab_groups(tables: Tables, groups: Mapping[str, int]) -> tuple[Action, ...]:
    new = [(name, gid) for name, gid in groups.items() if _own_group(tables, name, gid)]
    return tuple(Action("create group", name, f"gid {gid}") for name, gid in new)


def _own_group(tables: Tables, name: str, gid: int) -> bool:
    """Make sure that a group and its gshadow line exist in the draft; returns whether the group is new."""
    new = name not in tables.group
    if new:
        tables.group.set(name, [name, "x", str(gid), ""])
    if tables.gshadow is not None and name not in tables.gshadow:
        entry = tables.group.get(name) or ["", "", "", ""]
        tables.gshadow.set(name, [name, "!", "", entry[3]])
    return new


def _enter(tables: Tables, person: Person, made: Change, sub_ids: tuple[int, int, int]) -> None:
    """Enter a person's lines into the draft; a new account gets its own group and ranges of further ids."""
    name = person.system_name
    if name not in tables.passwd:
        _own_group(tables, name, person.gid)
        for table in ("subuid", "subgid"):
            ranges = tables.known.get(table)
            if isinstance(ranges, Ranges) and name not in ranges:
                start = ranges.next_free(*sub_ids)
                if start is not None:
                    ranges.set(name, [name, str(start), str(sub_ids[2])])
    tables.passwd.set(name, list(made.passwd))
    tables.shadow.set(name, list(made.shadow))


def _quotas(plan: Plan, desired: Desired, current: Current) -> Plan:
    wanted = {
        login: limit for login, person in plan.people.items() if (limit := person.quota_bytes(desired)) is not None
    }
    if current.no_quotas:
        return _plus(plan, notices=(f"no quotas: {current.no_quotas}",)) if any(wanted.values()) else plan
    changes = tuple(
        (login, limit)
        for login, limit in wanted.items()
        if current.quotas[plan.people[login].uid] != -(-limit // 1024) * 1024
    )
    actions = tuple(
        Action("set quota", plan.people[login].system_name, f"{limit} bytes" if limit else "none")
        for login, limit in changes
    )
    return replace(_plus(plan, actions=actions), quotas=changes)


def _home_at(path: str, tables: Tables) -> str:
    """Return whose home a folder is, contains or lies in (accounts of people only), or an empty text."""
    for entry in tables.passwd.entries():
        if entry[2].isdigit() and LOWEST <= int(entry[2]) < NOBODY and entry[5].strip("/") and meets(path, entry[5]):
            return entry[0]
    return ""


def _shared_folder(plan: Plan, folder: Folder, gid: int, seen: folders.Seen | None, tables: Tables) -> Plan:
    changes = folders.differences(folder, gid, seen)
    obstacle = seen.obstacle if changes and seen is not None else ""
    home = _home_at(folder.path, tables)
    if obstacle or home:
        why = obstacle or f"meets the home of {home}; give a folder outside of all homes"
        return _plus(plan, problems=(f"accounts_shared_folders: {folder.path} {why}",))
    if seen is not None and not seen.is_folder:
        problem = f"accounts_shared_folders: {folder.path} exists and is not a folder; move it away"
        return _plus(plan, problems=(problem,))
    if changes:
        plan = replace(plan, folders=(*plan.folders, folder))
        plan = _plus(plan, actions=(Action("share folder", folder.path, ", ".join(changes)),))
    if seen is None or seen.has_acls:
        return plan
    notice = (
        f"{folder.path} is on a file system without ACLs: what members write there can be edited by others only "
        "where they work with umask 002"
    )
    return _plus(plan, notices=(notice,))
