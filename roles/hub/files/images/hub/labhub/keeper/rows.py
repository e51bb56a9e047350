# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the rows of the hub's database in step with the roster: none without a name, none of somebody unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyterhub import orm
from sqlalchemy import or_

from ..exchange.roster import Person
from ..servers import names


def owner(spawners: list[Any], people: Mapping[str, Person], prefix: str) -> str:
    """Return whose row it is, by the name of the container that its server has or had; empty when nothing says so."""
    accounts = {person.system_name: name for name, person in people.items()}
    containers = [str((one.state or {}).get("object_name", "")) for one in spawners]
    found = {accounts.get(names.account(prefix, one), "") for one in containers} - {""}
    return found.pop() if len(found) == 1 else ""


def mend(db: Any, people: Mapping[str, Person], prefix: str) -> list[str]:
    """Give rows without a name the name of their person, or remove them; returns what was done.

    Such rows were made by JupyterHub's admin page. A server of a removed row goes on and is found as an orphan.
    """
    done = []
    for row in db.query(orm.User).filter(or_(orm.User.name.is_(None), orm.User.name == "")).all():
        name = owner(list(row._orm_spawners), people, prefix)
        if name and orm.User.find(db, name) is None:
            row.name, row.admin = name, people[name].admin
            done.append(f"user {row.id} had no name; it is {name} again")
        else:
            done.append(f"user {row.id} had no name and nothing says whose it is; removed")
            db.delete(row)
        db.commit()
    return done


def forgotten(row: Any) -> bool:
    """Tell whether nothing is left to revoke in the row of somebody whom the roster does not know."""
    return not (row.api_tokens or row.admin or row.roles or row.groups)
