# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""What the registry's jobs ask of a Docker engine, over its Unix socket: images in use, and signals to a container."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from typing import Any

API = "/v1.40"  # Docker 19.03 and newer


class DockerError(Exception):
    """The engine did not answer, or refused."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Docker:
    """One engine. ``timeout`` in seconds."""

    def __init__(self, path: str = "/var/run/docker.sock", timeout: float = 60.0) -> None:
        self.path = path
        self.timeout = timeout

    def call(self, method: str, path: str, allow: tuple[int, ...] = (200, 204)) -> Any:
        """Send a request and return its JSON, or None for an empty answer. Raises DockerError."""
        connection = _UnixConnection(self.path, self.timeout)
        try:
            connection.request(method, API + path)
            answer = connection.getresponse()
            body = answer.read()
            document = json.loads(body) if body else None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise DockerError(f"{self.path}: {method} {path}: {error}") from error
        finally:
            connection.close()
        if answer.status not in allow:
            message = document.get("message", "") if isinstance(document, dict) else ""
            raise DockerError(f"{self.path}: {method} {path}: {answer.status} {message}".rstrip())
        return document

    def signal(self, container: str, name: str) -> None:
        """Send a signal to the first process of a container."""
        self.call("POST", f"/containers/{urllib.parse.quote(container)}/kill?signal={name}")

    def is_running(self, container: str) -> bool:
        """Whether a container exists and runs."""
        found = self.call("GET", f"/containers/{urllib.parse.quote(container)}/json", allow=(200, 404))
        return bool(found and found.get("State", {}).get("Running"))

    def images_in_use(self) -> list[dict[str, Any]]:
        """Return the images of all containers, stopped ones included.

        Each is ``{"id", "digests", "references", "user"}``: the digest of its configuration, the digests of manifests
        that it was pulled or pushed by, its tags and how the container named it, and the containers' names.
        """
        users: dict[str, list[str]] = {}
        names: dict[str, set[str]] = {}
        for container in self.call("GET", "/containers/json?all=1"):
            image = container["ImageID"]
            users.setdefault(image, []).append((container.get("Names") or [container["Id"][:12]])[0].lstrip("/"))
            names.setdefault(image, set()).add(container["Image"])
        used = []
        for image, containers in sorted(users.items()):
            found = self.call("GET", f"/images/{image}/json", allow=(200, 404)) or {}
            digests = {item.partition("@")[2] for item in found.get("RepoDigests") or []}
            references = names[image] | set(found.get("RepoTags") or [])
            digests |= {item.partition("@")[2] for item in references if "@" in item}
            used.append(
                {
                    "id": image,
                    "digests": sorted(digests - {""}),
                    "references": sorted(
                        item for item in references if "@" not in item and not item.startswith("sha256:")
                    ),
                    "user": ", ".join(sorted(containers)),
                }
            )
        return used
