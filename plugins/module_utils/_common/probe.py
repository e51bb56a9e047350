# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One GET that asks whether a service of this host answers, on the standard library alone."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

MOST_BYTES = 1 << 20  # of a body: the answer to "do you live?" is short


@dataclass(frozen=True)
class Answer:
    """What a service answers; the names of ``headers`` are in small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def get(url: str, timeout_seconds: float, *, verify: bool = False, most_bytes: int = MOST_BYTES) -> tuple[int, bytes]:
    """Return status and body of ``url`` as ``ask`` does."""
    answer = ask(url, timeout_seconds, verify=verify, most_bytes=most_bytes)
    return answer.status, answer.body


def ask(url: str, timeout_seconds: float, *, verify: bool = False, most_bytes: int = MOST_BYTES) -> Answer:
    """Return the answer of ``url``, redirects not followed; raise OSError when there is no whole answer in time.

    The time is that of everything together: a service that sends a byte now and then does not hold its caller up.
    Of the body ``most_bytes`` are read; with 0 the status alone is waited for.
    Certificates are checked only with ``verify``: whether a service lives is the question, not who it is.
    """
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    link = socket.create_connection((host, port), timeout_seconds)
    over = threading.Event()

    def end() -> None:
        over.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(link, socket.SHUT_RDWR)  # what waits for the service sees the end of the connection

    clock = threading.Timer(timeout_seconds, end)
    clock.daemon = True
    clock.start()
    connection = http.client.HTTPConnection(host, port)
    try:
        if secure:
            context = ssl.create_default_context()
            if not verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            link = context.wrap_socket(link, server_hostname=host, do_handshake_on_connect=False)
            link.do_handshake()
        connection.sock = link
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        found = Answer(answer.status, answer.read(most_bytes), headers)
    except (OSError, http.client.HTTPException) as exc:
        if over.is_set():  # what ended the connection was our own clock
            raise TimeoutError(f"{url}: no whole answer within {timeout_seconds} s") from exc
        raise OSError(f"{url}: {exc!r}") from exc
    finally:
        clock.cancel()
        connection.close()
        link.close()
    if over.is_set():
        raise TimeoutError(f"{url}: no whole answer within {timeout_seconds} s")
    return found
