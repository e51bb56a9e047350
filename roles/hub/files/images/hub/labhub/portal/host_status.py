# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the server's status, for administrators: what the host left a moment ago, and how long ago that was."""

from __future__ import annotations

import datetime
from html import escape

from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado.web import authenticated

from ..exchange.sources import Sources
from ..exchange.status import StatusPage
from ..words import amounts
from ..words.language import current, gettext

STALE_SECONDS = 180
"""The host makes the page every minute."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page asks nobody for anything, and runs nothing."""


def age_line(page: StatusPage, now: datetime.datetime, people: str) -> str:
    """Return the line that says how old the page is, with the way back to the page of people."""
    seconds = max(0.0, (now - page.made).total_seconds())
    age = amounts.span(seconds)
    said, kind = gettext("Made {age} ago.").format(age=age), "soft"
    if seconds > STALE_SECONDS:
        kind = "card critical"
        said = gettext(
            "This page is {age} old: the server has stopped making it, and what it says may no longer hold. On the"
            " server, labserver status shows what is so now, and labserver run status-page why the page is not made."
        ).format(age=age)
    link = f'<a href="{escape(people)}">{escape(gettext("People"))}</a>'
    return f'<p lang="{current()}" class="{kind}">{escape(said)} {link}</p>'


class StatusHandler(BaseHandler):
    """The page as the host made it."""

    def initialize(self, sources: Sources) -> None:
        self.sources = sources

    @authenticated
    @needs_scope("admin-ui")
    async def get(self) -> None:
        page = self.sources.status.current()
        self.set_header("Cache-Control", "no-store")
        if page is None:
            self.set_status(503)
            self.finish(await self.render_template("status_absent.html"))
            return
        self.set_header("Content-Security-Policy", POLICY)
        people = url_path_join(self.hub.base_url, "admin")
        self.finish(page.head + age_line(page, datetime.datetime.now(datetime.UTC), people) + page.rest)
