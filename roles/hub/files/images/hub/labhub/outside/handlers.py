# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SSH front asks the hub, below ``/hub/api/labserver/ssh``: with its own token, which allows nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from tornado.web import HTTPError

from ..servers import box
from .boxes import BoxError, Boxes
from .keys import plain
from .tries import PauseError, Tries

SERVICE = "labserver-ssh"
"""JupyterHub's service that the front is."""
TOKEN_FILE = "ssh_token"  # noqa: S105
MOST_SESSIONS = 2000


class FrontHandler(APIHandler):
    """Base: only the front may ask, with an object of texts."""

    def initialize(self, tries: Tries, boxes: Boxes) -> None:
        self.tries = tries
        self.boxes = boxes

    def prepare_front(self) -> dict[str, Any]:
        """Return the body of the request; raises HTTPError for anybody else and for anything else."""
        asking = self.current_user
        if not isinstance(asking, orm.Service) or asking.name != SERVICE:
            raise HTTPError(403, "this is for the SSH front alone")
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, "the body is not an object")
        return body

    @staticmethod
    def text(body: dict[str, Any], key: str) -> str:
        """Return a text of the body."""
        value = body.get(key)
        if not isinstance(value, str):
            raise HTTPError(400, f"{key} is not a text")
        return value


class Keys(FrontHandler):
    """The keys with which somebody may log in."""

    async def post(self) -> None:
        body = self.prepare_front()
        self.finish({"keys": self.tries.keys(self.text(body, "name"))})


class Token(FrontHandler):
    """Whether a token is right; the proof is empty for a wrong one."""

    async def post(self) -> None:
        body = self.prepare_front()
        name, token, address = (self.text(body, key) for key in ("name", "token", "address"))
        try:
            self.finish({"proof": self.tries.token(name, token, address)})
        except PauseError as error:
            raise HTTPError(429, str(error)) from None


class Open(FrontHandler):
    """The container of somebody who logged in."""

    async def post(self) -> None:
        body = self.prepare_front()
        name, proof, front_key = (self.text(body, key) for key in ("name", "proof", "front_key"))
        person = self.tries.person(name) if self.tries.stands(name, proof) else None
        if person is None:
            raise HTTPError(403, "Your access has ended.")
        if plain(front_key) != front_key:
            raise HTTPError(400, "front_key is not a public key")
        try:
            found = await self.boxes.open(person, front_key)
        except BoxError as error:
            raise HTTPError(503, str(error)) from error
        self.finish(
            {"address": found.address, "port": box.PORT, "host_key": found.host_key, "account": person.system_name}
        )


class Alive(FrontHandler):
    """Who is connected; answers which of these connections have to end."""

    async def post(self) -> None:
        body = self.prepare_front()
        sessions = body.get("sessions")
        if not isinstance(sessions, dict) or len(sessions) > MOST_SESSIONS:
            raise HTTPError(400, f"sessions is not an object of at most {MOST_SESSIONS}")
        end, names = [], set()
        for identity, one in sessions.items():
            if not isinstance(one, dict):
                raise HTTPError(400, "a session is not an object")
            name = self.text(one, "name")
            if self.tries.stands(name, self.text(one, "proof")):
                names.add(name)
            else:
                end.append(identity)
            await asyncio.sleep(0)
        self.boxes.connected(names)
        self.finish({"end": end})


def handlers(tries: Tries, boxes: Boxes) -> list[tuple[str, type, dict[str, Any]]]:
    """Return the handlers, with addresses relative to the hub's."""
    known = {"keys": Keys, "token": Token, "open": Open, "alive": Alive}
    options = {"tries": tries, "boxes": boxes}
    return [(rf"/api/labserver/ssh/{name}", handler, options) for name, handler in known.items()]
