# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which address a request comes. What a client claims does not count.

A request comes from nginx through the configurable-http-proxy. The proxy appends to ``X-Forwarded-For`` whom it heard:
the gateway of the hub's network when nginx (or anybody on the host) asked it; nginx puts nothing before that but the
client's address. Whoever asks the hub or the proxy without nginx is known by their own address.
"""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path
from typing import Any

from tornado.httputil import HTTPServerRequest

ROUTES = Path("/proc/net/route")


def gateway(routes: str) -> str:
    """Return the default gateway of this container; ``routes`` is the content of /proc/net/route."""
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 2 and fields[1] == "00000000":
            return str(ipaddress.IPv4Address(struct.pack("<I", int(fields[2], 16))))
    return ""


def plain(address: str) -> str:
    """Return an address without the notation of IPv4 in IPv6."""
    return address.strip().removeprefix("::ffff:")


def client(peer: str, forwarded: str, proxy: str, front: str) -> str:
    """Return the client's address: ``peer`` is whom the hub heard, ``forwarded`` the header X-Forwarded-For."""
    hops = [plain(hop) for hop in forwarded.split(",") if hop.strip()]
    if plain(peer) != proxy or not hops:
        return plain(peer)
    found = hops[-2] if hops[-1] == front and len(hops) > 1 else hops[-1]
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        return plain(peer)


class Door:
    """The way by which requests come in. ``proxy`` empty: it is not known, and what tornado found counts."""

    def __init__(self, proxy: str = "", front: str | None = None):
        self.proxy = proxy
        self._front = front

    @property
    def front(self) -> str:
        """The address from which the proxy hears nginx."""
        if self._front is None:
            self._front = gateway(ROUTES.read_text()) if ROUTES.exists() else ""
        return self._front

    def client(self, request: HTTPServerRequest) -> str:
        """Return the address of the client of a request."""
        context: Any = getattr(request.connection, "context", None)
        peer = getattr(context, "_orig_remote_ip", None)
        if not self.proxy or peer is None:
            return str(request.remote_ip)
        return client(peer, ",".join(request.headers.get_list("X-Forwarded-For")), self.proxy, self.front)
