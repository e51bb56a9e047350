# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JupyterHub's roles of rooms, in a database of its own."""

from __future__ import annotations

from jupyterhub import orm, roles
from labhub.exchange.roster import Roster
from labhub.keeper import rooms


def test_a_room_that_is_gone_takes_its_role_and_none_of_the_labs_own() -> None:
    db = orm.new_session_factory("sqlite://")()
    for name, description in (("room-course", "Use the room room-course"), ("room-keys", "Whoever opens the door")):
        roles.create_role(db, {"name": name, "description": description, "scopes": ["read:users:name"]})
    assert rooms.follow(db, Roster(people={}), []) == set()
    assert {role.name for role in db.query(orm.Role)} == {"room-keys"}
