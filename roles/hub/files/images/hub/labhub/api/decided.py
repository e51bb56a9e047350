# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses what the roster decides: adding, renaming, removing and promoting people, and groups.

JupyterHub would store such a change, the keeper would undo it, and between the two a person's session and server are
lost. (JupyterHub 6.1.1 even stores the name NULL when the admin page sends an unchanged name.)
"""

from __future__ import annotations

from typing import Any

from jupyterhub.apihandlers.groups import (
    GroupAPIHandler,
    GroupListAPIHandler,
    GroupPropertiesAPIHandler,
    GroupUsersAPIHandler,
)
from jupyterhub.apihandlers.users import UserAPIHandler, UserListAPIHandler
from jupyterhub.scopes import needs_scope
from tornado.web import HTTPError

SENTENCE = (
    "Who is here, people's names, groups and administrators are decided in the inventory (accounts_users,"
    " accounts_groups), not on this page. Change them there and run the playbook."
)


def _refuse(*_arguments: Any, **_options: Any) -> None:
    raise HTTPError(403, SENTENCE)


class UserList(UserListAPIHandler):
    """People are listed, not added."""

    @needs_scope("admin:users")
    async def post(self) -> None:
        _refuse()


class User(UserAPIHandler):
    """A person is shown, not added, changed or removed."""

    @needs_scope("admin:users")
    async def post(self, user_name: str) -> None:
        # Somebody of the roster who never logged in has no row yet, and a server can be started for them all the same.
        if self.request.body or self.authenticator.person(user_name) is None:
            _refuse()
        await super().post(user_name)

    @needs_scope("admin:users")
    async def patch(self, user_name: str) -> None:
        _refuse()

    @needs_scope("delete:users")
    async def delete(self, user_name: str) -> None:
        _refuse()


class GroupList(GroupListAPIHandler):
    """Groups are listed, not added."""

    @needs_scope("admin:groups")
    async def post(self) -> None:
        _refuse()


class Group(GroupAPIHandler):
    """A group is shown, not added or removed."""

    @needs_scope("admin:groups")
    async def post(self, group_name: str) -> None:
        _refuse()

    @needs_scope("delete:groups")
    def delete(self, group_name: str) -> None:
        _refuse()


class GroupUsers(GroupUsersAPIHandler):
    """Nobody is put into a group or taken out."""

    @needs_scope("groups")
    def post(self, group_name: str) -> None:
        _refuse()

    @needs_scope("groups")
    async def delete(self, group_name: str) -> None:
        _refuse()


class GroupProperties(GroupPropertiesAPIHandler):
    """Properties of groups are not changed."""

    @needs_scope("groups")
    def put(self, group_name: str) -> None:
        _refuse()


def handlers() -> list[tuple[str, type]]:
    """Return the handlers that stand before JupyterHub's own, with addresses relative to the hub's."""
    return [
        (r"/api/users", UserList),
        (r"/api/users/([^/]+)", User),
        (r"/api/groups", GroupList),
        (r"/api/groups/([^/]+)", Group),
        (r"/api/groups/([^/]+)/users", GroupUsers),
        (r"/api/groups/([^/]+)/properties", GroupProperties),
    ]
