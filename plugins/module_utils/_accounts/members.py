# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of groups: those of the lab's groups are what the inventory says, groups of the host are only added to."""

from __future__ import annotations

from .model import Desired
from .state import Plan
from .tables import Tables


def memberships(plan: Plan, desired: Desired, only: frozenset[str] | None = None) -> None:
    """Make the members of the lab's groups those of the inventory; groups of the host are only added to.

    With ``only`` these people, who leave, are taken out of the lab's groups, and nothing else is done.
    """
    if only is not None:
        leaving = {plan.people[name].system_name for name in only if name in plan.people}
        for group in plan.groups:
            _set_members(plan, group, [name for name in members_of(plan.tables, group) if name not in leaving])
        return
    members: dict[str, list[str]] = {name: [] for name in plan.groups}
    for lab_group in desired.groups:
        members[lab_group.name] += lab_group.host_members
    added: dict[str, list[str]] = {}
    for person in plan.people.values():
        if not person.account or (person.state == "absent" and person.user.name in plan.remove):
            continue
        for group in person.groups:
            members[group].append(person.system_name)
        for group in person.user.host_groups if person.state == "present" else ():
            added.setdefault(group, []).append(person.system_name)
    for group, names in members.items():
        _set_members(plan, group, names)
    for group, names in added.items():
        _set_members(plan, group, [*members_of(plan.tables, group), *names])


def members_of(tables: Tables, group: str) -> list[str]:
    """Return the accounts that are members of a group by its line, none when there is no such group."""
    entry = tables.group.get(group)
    return [name for name in entry[3].split(",") if name] if entry else []


def _set_members(plan: Plan, group: str, names: list[str]) -> None:
    entry = plan.tables.group.get(group)
    if entry is None:
        return  # a lab group of old that somebody deleted by hand
    now, wanted = members_of(plan.tables, group), list(dict.fromkeys(names))
    if set(now) != set(wanted):
        kept = [name for name in now if name in wanted]
        new = [name for name in wanted if name not in now]
        gone = [name for name in now if name not in wanted]
        if new:
            plan.act("add to group", group, ", ".join(new))
        if gone:
            plan.act("take out of group", group, ", ".join(gone))
        wanted = kept + new
        plan.tables.group.set(group, [*entry[:3], ",".join(wanted)])
    else:
        wanted = now
    shadowed = plan.tables.gshadow.get(group) if plan.tables.gshadow is not None else None
    if shadowed is not None and plan.tables.gshadow is not None:
        current = [name for name in shadowed[3].split(",") if name]
        if set(current) != set(wanted):
            plan.tables.gshadow.set(group, [*shadowed[:3], ",".join(wanted)])
