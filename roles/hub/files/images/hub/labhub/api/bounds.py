# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds what a request may bring: its body, a token's note, the number of tokens, the choice at a start.

Without them a person fills the hub's database, of which each change and each backup makes a copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.users import UserServerAPIHandler, UserTokenListAPIHandler
from sqlalchemy import func
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler

from ..servers.permission import Named
from ..words import language
from .cookies import secured
from .door import Door

LONGEST_BODY = 1024**2
"""Bytes of a request to the hub itself; what goes to people's servers does not come here."""
LONGEST_NOTE = 200
LONGEST_LIFE_SECONDS = 10 * 366 * 86400
LONGEST_CHOICE = 4096
"""Bytes, as JSON, of what somebody chooses at a start."""
MOST_TOKENS = 50
"""Tokens that a person may have asked for and that are valid."""
MOST_ROWS = 500
"""Tokens of all kinds: browsers get one for each visit of a server."""


class BoundedApplication(Application):
    """The hub's web application: short bodies, secure cookies, the address from which a request comes, its language."""

    door = Door()
    language: Callable[[], str] = staticmethod(lambda: "")
    """The language of the lab's pages; empty: the browser says."""

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        request_conn.set_max_body_size(LONGEST_BODY)
        return super().start_request(server_conn, request_conn)

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
        request.remote_ip = self.door.client(request)
        language.use(language.choose(request.headers.get("Accept-Language", ""), self.language()))
        return super().find_handler(request, **options)

    def get_handler_delegate(
        self, request: HTTPServerRequest, target_class: type[RequestHandler], *more: Any, **options: Any
    ) -> Any:
        return super().get_handler_delegate(request, secured(target_class), *more, **options)


class Tokens(UserTokenListAPIHandler):
    """Tokens with a note of some words, and not more of them than anybody needs."""

    _asked_for = ""

    async def post(self, user_name: str) -> None:
        body = self.get_json_body() or {}
        note = body.get("note") if isinstance(body, dict) else None
        if note is not None and not (isinstance(note, str) and len(note) <= LONGEST_NOTE and note.isprintable()):
            raise HTTPError(400, f"the note of a token is text of at most {LONGEST_NOTE} letters on one line")
        expires_in = body.get("expires_in") if isinstance(body, dict) else None
        if isinstance(expires_in, int) and abs(expires_in) > LONGEST_LIFE_SECONDS:
            raise HTTPError(400, f"expires_in of a token is at most {LONGEST_LIFE_SECONDS} seconds")
        self._asked_for = user_name
        await super().post(user_name)

    def get_scope_filter(self, *arguments: Any, **options: Any) -> Any:
        """Count the tokens here: JupyterHub asks for the scopes once it knows who asks, and before it makes a token."""
        user = self.find_user(self._asked_for) if self._asked_for else None
        if user is not None:
            valid = [one for one in user.api_tokens if one.client_id == "jupyterhub" and one.note and not _server(one)]
            if len(valid) >= MOST_TOKENS:
                raise HTTPError(400, f"{user.name} has {len(valid)} tokens; revoke some of them first")
        return super().get_scope_filter(*arguments, **options)


def _server(token: Any) -> bool:
    return str(token.note).startswith("Server at ")


class Servers(Named, UserServerAPIHandler):
    """A start with a choice of reasonable size, of a server that the person may have."""

    async def patch(self, user_name: str, server_name: str = "") -> None:
        if (self.get_json_body() or {}).get("name") is not None:
            raise HTTPError(400, "A server keeps its name: remove it, and start another one.")
        await super().patch(user_name, server_name)

    def get_server_json_body(self) -> Any:
        body = super().get_server_json_body()
        if len(json.dumps(body)) > LONGEST_CHOICE:
            raise HTTPError(400, f"what is chosen at a start has at most {LONGEST_CHOICE} bytes")
        return body


def trim(db: Any) -> list[str]:
    """Shorten what was stored without these bounds, and drop the oldest of too many tokens; returns what was done."""
    done = []
    long = db.query(orm.APIToken).filter(func.length(orm.APIToken.note) > LONGEST_NOTE)
    for token in long:
        token.note = token.note[:LONGEST_NOTE]
        done.append(f"shortened the note of token {token.api_id}")
    counts = db.query(orm.APIToken.user_id, func.count()).group_by(orm.APIToken.user_id)
    for user_id, count in counts.having(func.count() > MOST_ROWS).all():
        if user_id is not None:
            mine = db.query(orm.APIToken).filter(orm.APIToken.user_id == user_id).order_by(orm.APIToken.id)
            for token in mine.limit(count - MOST_ROWS).all():
                db.delete(token)
            done.append(f"removed the {count - MOST_ROWS} oldest tokens of user {user_id}")
    db.commit()
    return done


def handlers() -> list[tuple[str, type]]:
    """Return the handlers that stand before JupyterHub's own, with addresses relative to the hub's."""
    return [
        (r"/api/users/([^/]+)/tokens", Tokens),
        (r"/api/users/([^/]+)/server", Servers),
        (r"/api/users/([^/]+)/servers/([^/]*)", Servers),
    ]
