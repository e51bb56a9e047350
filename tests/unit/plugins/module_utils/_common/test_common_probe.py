# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a service whether it lives: real sockets that answer well, slowly, or not in HTTP."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import probe as http_probe

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def service(first: bytes, drops: int, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A service that says ``first`` and then a byte every 50 ms, ``drops`` of them; its address."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                link = context.wrap_socket(self.request, server_side=True) if context else self.request
                link.recv(65536)
                link.sendall(first)
                for _number in range(drops):
                    time.sleep(0.05)
                    link.sendall(b"x")
                link.shutdown(2)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}/x?y"
        finally:
            server.shutdown()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert"), "-subj", "/CN=x"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return context


def test_certificates_are_checked_when_asked_for(tls: ssl.SSLContext) -> None:
    with service(HEAD, 1, tls) as url:
        assert http_probe.get(url, 5)[0] == 200
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            http_probe.get(url, 5, verify=True)


def test_a_body_that_nobody_wants_is_not_waited_for() -> None:
    with service(HEAD, 1000) as url:
        assert http_probe.get(url, 1, most_bytes=0) == (200, b"")


def test_status_and_body_with_and_without_tls(tls: ssl.SSLContext) -> None:
    for context in (None, tls):
        with service(HEAD + b"well", 2, context) as url:
            assert http_probe.get(url, 10) == (200, b"wellxx")


@pytest.mark.parametrize("first", [HEAD, b"HTTP/1.1 200 OK\r\nX-Long: "], ids=["body", "header"])
def test_a_service_that_drips_is_given_up(first: bytes, tls: ssl.SSLContext) -> None:
    # It would come to an end by itself, after five seconds.
    for context in (None, tls):
        with service(first, 100, context) as url, pytest.raises(TimeoutError, match=r"no whole answer within 0\.5 s"):
            http_probe.get(url, 0.5)


def test_a_service_that_resets_the_connection_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=reset_the_first, args=(server,), daemon=True).start()
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{server.getsockname()[1]}/: .*reset by peer"):
            http_probe.get(f"http://127.0.0.1:{server.getsockname()[1]}/", 10)


def reset_the_first(server: socket.socket) -> None:
    link, _address = server.accept()
    link.recv(65536)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def test_what_is_not_http_is_an_os_error() -> None:
    with service(b"220 mail\r\n", 0) as url, pytest.raises(OSError, match="BadStatusLine"):
        http_probe.get(url, 10)
