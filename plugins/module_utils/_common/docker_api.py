# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker engine's API over its Unix socket, on the standard library alone.

For what runs on a lab server without Ansible. Playbooks use the modules of community.docker.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import typing as t
import urllib.parse
from collections.abc import Iterator, Mapping

SOCKET = "/var/run/docker.sock"


class EngineError(Exception):
    """The engine could not be reached (``status`` None) or refused a request."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class DockerEngine:
    """One engine. Each request has a connection of its own, so threads may share it."""

    def __init__(self, path: str = SOCKET, timeout: float = 60.0) -> None:
        """``path`` is the engine's Unix socket, ``timeout`` the longest silence in seconds that is waited for."""
        self.path = path
        self.timeout = timeout

    def get(self, path: str, **query: t.Any) -> t.Any:
        """Return the decoded answer to a GET; raise EngineError, with status 404 when there is no such thing."""
        return self.request("GET", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        body: t.Any = None,
        query: Mapping[str, t.Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> t.Any:
        """Return the decoded JSON answer (None when empty). Values of ``query`` that are not texts are sent as JSON."""
        lines = list(self.stream(method, path, body, query, headers, timeout))
        return lines[0] if len(lines) == 1 else (lines or None)

    def raw(self, path: str, *, most_bytes: int = -1, **query: t.Any) -> bytes:
        """Return the undecoded answer to a GET, such as a log; of a longer one than ``most_bytes``, its beginning."""
        connection = _Connection(self.path, self.timeout)
        try:
            connection.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))
            answer = connection.getresponse()
            content = answer.read(None if most_bytes < 0 else most_bytes)
        except (OSError, http.client.HTTPException) as exc:
            raise EngineError(f"no answer from the Docker engine at {self.path}: {exc}") from exc
        finally:
            connection.close()
        if answer.status >= 400:
            raise EngineError(_message(content, "GET", path, answer.status), answer.status)
        return content

    @contextlib.contextmanager
    def opened(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """Give the answer to a GET to read from, such as the files of a container as a tar archive."""
        connection = _Connection(self.path, self.timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise EngineError(_message(answer.read(), "GET", path, answer.status), answer.status)
            yield answer
        except (OSError, http.client.HTTPException) as exc:
            raise EngineError(f"no answer from the Docker engine at {self.path}: {exc}") from exc
        finally:
            connection.close()

    def stream(
        self,
        method: str,
        path: str,
        body: t.Any = None,
        query: Mapping[str, t.Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[t.Any]:
        """Yield the JSON documents of the answer as they arrive, as pulls, pushes and builds send them.

        An error that the engine reports in the middle of such an answer is raised as EngineError too.
        """
        encoded = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (query or {}).items()}
        url = path + ("?" + urllib.parse.urlencode(encoded) if encoded else "")
        connection = _Connection(self.path, self.timeout if timeout is None else timeout)
        try:
            content = None if body is None else json.dumps(body).encode()
            kind = {"Content-Type": "application/json"} if content is not None else {}
            connection.request(method, url, content, {**kind, **(headers or {})})
            answer = connection.getresponse()
            if answer.status >= 400:
                raise EngineError(_message(answer.read(), method, path, answer.status), answer.status)
            for line in answer:
                if not line.strip():
                    continue
                document = json.loads(line)
                if isinstance(document, dict) and document.get("error"):
                    raise EngineError(f"{method} {path}: {document['error']}", answer.status)
                yield document
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise EngineError(f"no answer from the Docker engine at {self.path}: {exc}") from exc
        finally:
            connection.close()


def _message(body: bytes, method: str, path: str, status: int) -> str:
    try:
        text = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        text = body.decode(errors="replace").strip()
    return f"{method} {path}: {text or f'HTTP status {status}'}"
