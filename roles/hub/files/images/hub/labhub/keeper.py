# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the hub in step with the roster while it runs: who is no longer in it is out within seconds."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from jupyterhub import orm, roles
from sqlalchemy.exc import OperationalError

from . import copies

LOG = logging.getLogger("jupyterhub.keeper")
PERIOD_SECONDS = 2.0
COPY_EVERY = 15
ROUTES_EVERY = 5
"""Every so many rounds the proxy's routes are compared: a proxy that was replaced has lost them."""


class Keeper:
    """A task of the hub's event loop. ``application`` is the running JupyterHub."""

    def __init__(self, application: Any):
        self.app = application
        self._rounds = 0

    async def run(self) -> None:
        """Work for ever; a round that fails is logged and tried again."""
        while True:
            try:
                await self.round()
            except OperationalError as error:
                self.app.db.rollback()
                LOG.warning("the database is busy or away: %s", error.orig)
            except Exception:  # whatever it is, the next round must come
                self.app.db.rollback()
                LOG.exception("round failed")
            await asyncio.sleep(PERIOD_SECONDS)

    async def round(self) -> None:
        """Revoke, update administrators, mend routes."""
        authenticator, db = self.app.authenticator, self.app.db
        for orm_user in db.query(orm.User).all():
            person = authenticator.person(orm_user.name)
            if person is None:
                await self._revoke(orm_user)
            elif bool(orm_user.admin) != person.admin:
                LOG.info("%s %s administrator", orm_user.name, "is now" if person.admin else "is no longer")
                orm_user.admin = person.admin
                roles.assign_default_roles(db, entity=orm_user)
                db.commit()
        if self._rounds % COPY_EVERY == 0:
            database = Path(self.app.db_url.removeprefix("sqlite:///"))
            await asyncio.to_thread(copies.make, database, database.parent / "copies")
        self._rounds += 1
        if self._rounds % ROUTES_EVERY == 0:
            await self.app.proxy.check_routes(self.app.users, self.app._service_map)

    async def _revoke(self, orm_user: Any) -> None:
        db, name = self.app.db, orm_user.name
        tokens = list(orm_user.api_tokens)
        if tokens or orm_user.admin or orm_user.roles or orm_user.groups:
            LOG.warning("%s may no longer enter: revoking %d tokens, sessions and roles", name, len(tokens))
            for token in tokens:
                db.delete(token)
            for code in db.query(orm.OAuthCode).filter_by(user_id=orm_user.id):
                db.delete(code)
            orm_user.cookie_id = orm.new_token()  # every session cookie names the old one
            orm_user.admin = False
            orm_user.roles = []
            orm_user.groups = []
            db.commit()
        user = self.app.users[orm_user.id]
        for server_name, spawner in list(user.spawners.items()):
            if spawner.pending or not spawner.active:
                continue
            LOG.warning("stopping the server of %s", name)
            await self.app.proxy.delete_user(user, server_name)
            await user.stop(server_name)
