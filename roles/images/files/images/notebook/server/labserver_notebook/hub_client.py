# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the hub with Tornado's client, which a person's server has read anyway.

JupyterHub asks with aiohttp. To read that takes a quarter of the processor time of all imports of a server, most of it
for the certificates of a system that the hub, at a plain address of the servers' own network, never needs. What this
does not know (TLS, a socket's path, other arguments) is left to JupyterHub's own function.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Those of aiohttp's client: a hub that starts twenty servers at once may be slow.
CONNECT_SECONDS, WHOLE_SECONDS = 30.0, 300.0
WITH_BODY = ("POST", "PUT", "PATCH")


class Answer:
    """What JupyterHub's package uses of aiohttp's ClientResponse."""

    def __init__(self, answered: Any):
        self.status: int = answered.code
        self.reason: str = answered.reason
        self.headers: Mapping[str, str] = answered.headers
        self.ok = self.status < 400
        self._body: bytes = answered.body or b""

    async def text(self) -> str:
        """Return the body."""
        return self._body.decode(errors="replace")

    async def json(self) -> Any:
        """Return what the body holds; raises ValueError when that is no JSON."""
        return json.loads(self._body)


async def fetch(
    url: Any,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    data: str | bytes | None = None,
    raise_for_status: bool = True,
    **more: Any,
) -> Any:
    """Ask as ``jupyterhub.httpclient.fetch`` does.

    Raises Tornado's HTTPError for a status from 400 on where ``raise_for_status`` says so, and for an answer that does
    not come in time; OSError where nobody answers.
    """
    plain = isinstance(url, str) and url.startswith("http://") and isinstance(data, str | bytes | None)
    if more or not plain:
        from .later import real  # noqa: PLC0415 - which imports this

        asked = {"method": method, "headers": headers, "data": data, "raise_for_status": raise_for_status, **more}
        return await real("jupyterhub.httpclient").fetch(url, **asked)
    from tornado.httpclient import HTTPRequest  # noqa: PLC0415 - not before the server reads it
    from tornado.simple_httpclient import SimpleAsyncHTTPClient  # noqa: PLC0415

    request = HTTPRequest(
        url,
        method=method,
        headers=dict(headers or {}),
        body=b"" if data is None and method in WITH_BODY else data,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=WHOLE_SECONDS,
        allow_nonstandard_methods=True,
    )
    # One of its own, so that nobody waits for the answers to others.
    client = SimpleAsyncHTTPClient(force_instance=True)
    try:
        return Answer(await client.fetch(request, raise_error=raise_for_status))
    finally:
        client.close()
