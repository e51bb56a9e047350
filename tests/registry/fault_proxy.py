# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a registry that answers wrongly when it is told to."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = Callable[[str, str, int], object]  # method, path, number of the request -> what to do, or None


class FaultProxy:
    """``fault`` returns None (pass on), a status, "truncate", "slow", "drop" or "garbage" for each request."""

    def __init__(self, upstream: str, fault: Fault) -> None:
        proxy = self
        self.upstream = urlsplit(upstream).netloc
        self.fault = fault
        self.log: list[tuple[str, str]] = []  # what reached the registry
        self.count = 0
        self.lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                pass

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length) if length else None
                with proxy.lock:
                    proxy.count += 1
                    number = proxy.count
                fault = proxy.fault(self.command, self.path, number)
                if isinstance(fault, int):
                    self.answer(fault, {"content-type": "application/json"}, b'{"errors":[{"code":"FAULT"}]}')
                    return
                if fault == "drop":
                    self.close_connection = True
                    return
                with proxy.lock:
                    proxy.log.append((self.command, self.path))
                connection = http.client.HTTPConnection(proxy.upstream, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                kept = {name.lower(): value for name, value in answer.getheaders()}
                if fault == "garbage":
                    content = b"<html>" + content[6:] if len(content) > 6 else b"?"
                if fault == "slow":
                    time.sleep(3)
                with contextlib.suppress(ConnectionError):  # who asked may have lost patience
                    self.answer(answer.status, kept, content, cut=fault == "truncate")

            def answer(self, status: int, headers: dict[str, str], content: bytes, cut: bool = False) -> None:
                self.send_response_only(status)
                length = headers.get("content-length", "0") if self.command == "HEAD" else str(len(content))
                for name, value in headers.items():
                    if name not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content[: len(content) // 2] if cut else content)
                if cut:
                    self.close_connection = True

        for method in ("GET", "HEAD", "DELETE", "PUT", "POST", "PATCH"):
            setattr(Handler, f"do_{method}", Handler.handle_any)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()
