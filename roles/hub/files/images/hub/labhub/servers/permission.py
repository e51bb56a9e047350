# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a person may have a further server of some name, asked before JupyterHub makes a row for it.

JupyterHub's own limit is one number for all, or that of who asks; here it is that of the person whose server it is.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers import BaseHandler
from tornado.web import HTTPError

from ..exchange.roster import Person
from ..words.language import gettext, later
from . import names, portions

ENOUGH = later("You may have {most} servers, and these are there: {others}. Remove one that you do not need any more.")


def refusal(person: Person, server: str, there: list[str]) -> tuple[str, dict[str, str]] | None:
    """Return why a person may not have a server of this name; None when they may.

    That is the sentence in English, and the values that belong into it. ``there``: names of the further servers that
    the person has, running or not.
    """
    if person.most_servers < 2:
        return portions.NOT_ALLOWED, {}
    if server not in there and len(there) >= person.most_servers - 1:
        return ENOUGH, {"most": str(person.most_servers), "others": ", ".join(there)}
    return names.problem(server)


class Named(BaseHandler):
    """A handler that takes the name of a further server."""

    async def _check_named_server_request(
        self, user: Any, server_name: str, display_name: str, check_limit: bool = True
    ) -> None:
        person = self.app.sources.roster.current().people.get(user.name)
        if person is not None:
            problem = refusal(person, server_name, sorted(name for name in user.orm_spawners if name))
            if problem is not None:
                raise HTTPError(400, gettext(problem[0]).format(**problem[1]))
        await super()._check_named_server_request(user, server_name, display_name, check_limit)
