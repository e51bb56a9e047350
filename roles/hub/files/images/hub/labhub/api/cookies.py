# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cookies that a browser sends over HTTPS alone, when the page came over HTTPS.

JupyterHub does so with the cookies of a login, but not with ``_xsrf``.
"""

from __future__ import annotations

from typing import Any

from tornado.web import RequestHandler


class _Secure(RequestHandler):
    def set_cookie(self, name: str, value: str | bytes, *more: Any, **options: Any) -> None:
        if self.request.protocol == "https":
            options.setdefault("secure", True)
        super().set_cookie(name, value, *more, **options)


_MADE: dict[str, type[RequestHandler]] = {}


def secured(handler: type[RequestHandler]) -> type[RequestHandler]:
    """Return a handler that sets no cookie for plain HTTP on a page that came over HTTPS."""
    key = f"{handler.__module__}.{handler.__qualname__}"
    found = _MADE.get(key)
    if found is None or handler not in found.__mro__:
        names = {"__module__": handler.__module__, "__doc__": handler.__doc__}
        found = _MADE[key] = type(handler.__name__, (_Secure, handler), names)
    return found
