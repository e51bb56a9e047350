# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server that nginx asks for what it does not have: ``/<cache>/v2/<repository>/<kind>/<reference>`` on a socket."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socketserver
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from .upstream import Upstream, UpstreamError, unreachable

PATH = re.compile(
    r"/(?P<cache>[^/]+)(?P<rest>/v2/(?P<repository>[a-z0-9][a-z0-9._/-]*)/"
    r"(?P<kind>manifests|blobs|tags|referrers)/(?P<reference>[A-Za-z0-9_][A-Za-z0-9_.:-]*))"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MANIFEST_BYTES = 4 * 1024 * 1024
"""distribution's own limit of a manifest."""
CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Disk:
    """The file system of the caches. When less than ``spare_bytes`` would stay free, nothing more is kept."""

    folder: Path
    spare_bytes: int

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may be kept."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize - size >= self.spare_bytes


def say(text: str) -> None:
    """Write a line for ``docker logs``."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Handler(BaseHTTPRequestHandler):
    """One request of nginx. Whatever is wrong before the first byte is an answer in the registry's own form."""

    protocol_version = "HTTP/1.1"
    upstreams: Mapping[str, Upstream]
    disk: Disk

    def address_string(self) -> str:
        """A Unix socket has no address."""
        return "nginx"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing of requests."""

    def do_HEAD(self) -> None:
        """Answer like GET, without the content."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path == "/health":
            self._answer(200, {"Content-Type": "text/plain"}, b"ok\n")
            return
        found = PATH.fullmatch(self.path)
        upstream = self.upstreams.get(found["cache"]) if found else None
        if found is None or upstream is None:
            self._trouble(UpstreamError(404, "NOT_FOUND", f"there is nothing at {self.path[:200]!r}"))
            return
        known = self.headers.get("If-None-Match", "").strip('"')
        try:
            # Whether a tag still means the same is asked by HEAD, which costs nothing of what upstreams allow.
            if known and found["kind"] == "manifests" and self.command == "GET":
                with upstream.ask("HEAD", found["rest"], found["repository"]) as answer:
                    if answer.headers.get("Docker-Content-Digest") == known:
                        self._answer(304, {"ETag": f'"{known}"'}, b"")
                        return
            with upstream.ask(self.command, found["rest"], found["repository"]) as answer:
                if found["kind"] == "blobs" and self.command == "GET":
                    self._pass_on(upstream, found["reference"], answer)
                else:
                    self._small(upstream, found, answer)
        except UpstreamError as trouble:
            say(f"{found['cache']}: {found['repository']}: {trouble}")
            self._trouble(trouble)

    def _small(self, upstream: Upstream, found: re.Match[str], answer: http.client.HTTPResponse) -> None:
        """Answer with a manifest or a list, which is read whole and checked first."""
        try:
            body = answer.read(MANIFEST_BYTES + 1) if self.command == "GET" else b""
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(upstream.cache, error) from error
        headers = {"Content-Type": answer.headers.get("Content-Type", "application/octet-stream")}
        digest = answer.headers.get("Docker-Content-Digest", "")
        if self.command == "GET" and found["kind"] == "manifests":
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            if len(body) > MANIFEST_BYTES or (DIGEST.fullmatch(found["reference"]) and digest != found["reference"]):
                raise UpstreamError(
                    502, "UNAVAILABLE", f"{upstream.cache.upstream} sent something else than was asked for"
                )
        if digest:
            headers |= {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
        if self.command == "HEAD":
            headers["Content-Length"] = answer.headers.get("Content-Length", "0")
        self._answer(200, headers, body)

    def _pass_on(self, upstream: Upstream, digest: str, answer: http.client.HTTPResponse) -> None:
        """Pass a layer on. Its last piece waits for the check: one that is wrong never becomes whole, nor is kept."""
        size = int(answer.headers.get("Content-Length") or -1)
        if size < 0:
            raise UpstreamError(502, "UNAVAILABLE", f"{upstream.cache.upstream} does not say how large {digest} is")
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
        if not self.disk.has_room(size):
            headers["X-Accel-Expires"] = "0"
            say(f"{upstream.cache.name}: the disk of the caches is nearly full; {digest} is passed on and not kept")
        self._head(200, {**headers, "Content-Length": str(size)})
        checked = hashlib.sha256()
        held = b""
        try:
            while piece := answer.read(CHUNK):
                self.wfile.write(held)
                checked.update(piece)
                held = piece
        except (OSError, http.client.HTTPException) as error:
            say(f"{upstream.cache.name}: {digest}: {unreachable(upstream.cache, error)}")
            held = b""
        if "sha256:" + checked.hexdigest() == digest:
            self.wfile.write(held)
            return
        cache = upstream.cache
        say(f"{cache.name}: {digest} arrived damaged or not whole from {cache.upstream}; it is not kept")
        self.close_connection = True

    def _trouble(self, trouble: UpstreamError) -> None:
        body = {"errors": [{"code": trouble.code, "message": str(trouble)}]}
        self._answer(trouble.status, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._head(status, {"Content-Length": str(len(body)), **headers} if status != 304 else headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value.replace("\r", "").replace("\n", ""))
        self.end_headers()


class Server(socketserver.ThreadingUnixStreamServer):
    """Serves on a Unix socket, each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str, upstreams: Mapping[str, Upstream], disk: Disk) -> None:
        handler = type("Bound", (Handler,), {"upstreams": upstreams, "disk": disk})
        Path(path).unlink(missing_ok=True)
        super().__init__(path, handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that went away is no news; anything else is."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            say(f"an answer failed: {error!r}")
