# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps JupyterHub's groups and roles as the roster has them, so that members of a group may use its rooms.

Who leaves a group may no longer enter its rooms. Pages that are open there would go on working, and so would what that
person left running, so a room in which they may be is stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from jupyterhub import orm, roles

from ..exchange.roster import Person, Roster
from ..servers import rooms as model

LOG = logging.getLogger("labhub.keeper")


def user_row(db: Any, name: str) -> Any:
    """Return the row of a user, made when there is none."""
    row = orm.User.find(db, name)
    if row is None:
        row = orm.User(name=name)
        db.add(row)
        roles.assign_default_roles(db, entity=row)
        db.commit()
    return row


def follow(db: Any, roster: Roster, may_enter: Iterable[str]) -> set[str]:
    """Change rows, groups and roles to what the roster says; returns the rooms that have to be stopped.

    ``may_enter`` are the names of those who may log in now.
    """
    allowed = set(may_enter)
    rooms = model.rooms(roster)
    stop = _part(db, roster, allowed)
    for name in rooms:
        user_row(db, name)
    groups = {name: _group(db, name) for name in sorted({model.group_of(room) for room in rooms.values()})}
    for row in db.query(orm.User).all():
        person = roster.people.get(row.name)
        if person is None or person.name not in allowed:
            continue  # what they have is revoked elsewhere
        _match(row, person, groups)
    _match_roles(db, roster, groups)
    db.commit()
    return stop


def _group(db: Any, name: str) -> Any:
    found = orm.Group.find(db, name)
    if found is None:
        found = orm.Group(name=name)
        db.add(found)
    return found


def _match(row: Any, person: Person, groups: dict[str, Any]) -> None:
    mine = set() if person.room is not None else groups.keys() & set(person.groups)
    if {one.name for one in row.groups} & groups.keys() != mine:
        # Other groups may come from the lab's own configuration of JupyterHub.
        others = [one for one in row.groups if one.name not in groups]
        row.groups = others + [groups[name] for name in sorted(mine)]
    identity = model.identity(person)
    if row.user_info != identity:
        row.user_info = identity


def _match_roles(db: Any, roster: Roster, groups: dict[str, Any]) -> None:
    wanted = {role["name"]: role for role in model.roles(roster)}
    for role in db.query(orm.Role).filter(orm.Role.name.like("room-%")).all():
        # The lab's own configuration may have roles with such names; they are its own.
        if role.name not in wanted and role.description == model.described(role.name):
            LOG.warning("the room %s is no longer there", role.name)
            db.delete(role)
    for name, spec in wanted.items():
        role = orm.Role.find(db, name)
        if role is None or set(role.scopes) != set(spec["scopes"]):
            roles.create_role(db, {key: value for key, value in spec.items() if key != "groups"})
            role = orm.Role.find(db, name)
        if [one.name for one in role.groups] != spec["groups"]:
            role.groups = [groups[one] for one in spec["groups"]]


def _part(db: Any, roster: Roster, allowed: set[str]) -> set[str]:
    """End what people have of rooms that are no longer theirs; returns the rooms in which they may be."""
    before = {group.name: {user.name for user in group.users} for group in db.query(orm.Group).all()}
    stop = set()
    for room, names in model.departed(before, roster, allowed).items():
        for name in sorted(names):
            row = orm.User.find(db, name)
            own = [one for one in row.api_tokens if one.client_id == model.client(room)]
            # With a token of their own a person enters without one of the room's.
            scripts = [
                one
                for one in row.api_tokens
                if one.client_id == "jupyterhub" and one.last_activity and not str(one.note).startswith("Server at ")
            ]
            LOG.warning("%s no longer belongs to the room %s", name, room)
            for token in own:
                db.delete(token)
            row.groups = [one for one in row.groups if one.name != model.group_of(roster.people[room])]
            if own or scripts:
                stop.add(room)
    return stop
