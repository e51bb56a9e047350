# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of groups: those of the lab's groups are what the inventory says, groups of the host are only added to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .change import Action
from .model import Desired
from .people import Person
from .tables import Tables, members_of


def wanted(
    tables: Tables, desired: Desired, people: Iterable[Person], groups: Iterable[str], removed: Iterable[str]
) -> dict[str, list[str]]:
    """Return for every group of the lab, and every group of the host that somebody is added to, who shall be in it.

    ``removed`` are the login names of those whose accounts go.
    """
    members: dict[str, list[str]] = {name: [] for name in groups}
    going = set(removed)
    for lab_group in desired.groups:
        members[lab_group.name] += lab_group.host_members
    added: dict[str, list[str]] = {}
    for person in people:
        if not person.account or (person.state == "absent" and person.user.name in going):
            continue
        for group in person.groups:
            members[group].append(person.system_name)
        for group in person.user.host_groups if person.state == "present" else ():
            added.setdefault(group, []).append(person.system_name)
    return members | {group: [*members_of(tables, group), *names] for group, names in added.items()}


def without(
    tables: Tables, people: Mapping[str, Person], groups: Iterable[str], leaving: Iterable[str]
) -> dict[str, list[str]]:
    """Return the members of the lab's groups without those who leave (login names); nobody else changes."""
    gone = {people[name].system_name for name in leaving if name in people}
    return {group: [name for name in members_of(tables, group) if name not in gone] for group in groups}


def set_members(tables: Tables, group: str, names: list[str]) -> tuple[Action, ...]:
    """Make these accounts the members of a group in the draft of the account files; returns what that changes."""
    entry = tables.group.get(group)
    if entry is None:
        return ()  # a lab group of old that somebody deleted by hand
    actions = []
    now, wanted_names = members_of(tables, group), list(dict.fromkeys(names))
    if set(now) != set(wanted_names):
        kept = [name for name in now if name in wanted_names]
        new = [name for name in wanted_names if name not in now]
        gone = [name for name in now if name not in wanted_names]
        if new:
            actions.append(Action("add to group", group, ", ".join(new)))
        if gone:
            actions.append(Action("take out of group", group, ", ".join(gone)))
        wanted_names = kept + new
        tables.group.set(group, [*entry[:3], ",".join(wanted_names)])
    else:
        wanted_names = now
    shadowed = tables.gshadow.get(group) if tables.gshadow is not None else None
    if shadowed is not None and tables.gshadow is not None:
        current = [name for name in shadowed[3].split(",") if name]
        if set(current) != set(wanted_names):
            tables.gshadow.set(group, [*shadowed[:3], ",".join(wanted_names)])
    return tuple(actions)
