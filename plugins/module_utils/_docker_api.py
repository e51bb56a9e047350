# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""The few calls of Docker's API that the lab server's own services make, on the standard library alone."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class DockerError(Exception):
    """The engine refused or did not answer. ``status`` is the HTTP status, None without an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Docker:
    """An engine behind a Unix socket; times out after ``timeout`` seconds without a byte."""

    path: str = "/var/run/docker.sock"
    timeout: float = 600.0

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Make one call and return the body; raises DockerError for every status above 399."""
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        connection = _UnixConnection(self.path, self.timeout)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, target, data, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise DockerError(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise DockerError(_message(raw), answer.status)
        return raw

    def json(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> Any:
        """Make one call and return the decoded body."""
        raw = self.call(method, path, query, body)
        return json.loads(raw) if raw.strip() else None

    def pull(self, reference: str, username: str, password: str) -> None:
        """Pull an image by digest; raises DockerError with the engine's words."""
        login = json.dumps({"username": username, "password": password}).encode()
        headers = {"X-Registry-Auth": base64.urlsafe_b64encode(login).decode()} if username else {}
        raw = self.call("POST", "/images/create", {"fromImage": reference}, headers=headers)
        for line in raw.splitlines():
            event = json.loads(line) if line.strip() else {}
            if "error" in event:
                raise DockerError(str(event["error"]))

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return an image's description, None when it is not here."""
        try:
            found: dict[str, Any] = self.json("GET", f"/images/{reference}/json")
        except DockerError as error:
            if error.status == 404:
                return None
            raise
        return found

    def run(self, name: str, body: Mapping[str, Any]) -> tuple[int, str]:
        """Run a container to its end, remove it, and return exit status and output (its last 4000 characters)."""
        try:
            identity = self.json("POST", "/containers/create", {"name": name}, body)["Id"]
        except DockerError as error:
            if error.status != 409:
                raise
            self.call("DELETE", f"/containers/{name}", {"force": "1", "v": "1"})
            identity = self.json("POST", "/containers/create", {"name": name}, body)["Id"]
        try:
            self.call("POST", f"/containers/{identity}/start")
            status = int(self.json("POST", f"/containers/{identity}/wait")["StatusCode"])
            raw = self.call("GET", f"/containers/{identity}/logs", {"stdout": "1", "stderr": "1", "tail": "40"})
            return status, demultiplex(raw)[-4000:]
        finally:
            self.call("DELETE", f"/containers/{identity}", {"force": "1", "v": "1"})


def demultiplex(raw: bytes) -> str:
    """Return the text of a log in which each piece has an eight byte header."""
    pieces, position = [], 0
    while position + 8 <= len(raw):
        length = int.from_bytes(raw[position + 4 : position + 8], "big")
        pieces.append(raw[position + 8 : position + 8 + length])
        position += 8 + length
    return b"".join(pieces).decode(errors="replace")


def _message(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        return raw[:500].decode(errors="replace")
