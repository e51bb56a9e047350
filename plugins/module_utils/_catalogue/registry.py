# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the catalogue asks of the lab's registry: its tags, and what the configuration of an image says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from .._registry import reach, signatures
from .._registry.client import RegistryClient
from .._registry.manifest import ARTIFACT, IMAGE, INDEX, parse
from .._registry.protocol import RegistryError


class ImageError(Exception):
    """One image of the registry is not as it has to be; others are not concerned."""


Description = tuple[Mapping[str, str], str, int]
"""Labels, time of creation and size in bytes of an image."""


class Registry(Protocol):
    """What the service asks of a registry."""

    def repositories(self) -> list[str]:
        """Return the names of all repositories."""

    def tags(self, repository: str) -> list[str]:
        """Return the names of a repository's tags."""

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of what a tag or digest names, None where there is none."""

    def description(self, repository: str, digest: str) -> Description | None:
        """Return what an image says of itself, None for what is no image; raises ImageError when it is damaged."""

    def signatures(self, repository: str, reference: str) -> list[tuple[bytes, bytes]]:
        """Return what was signed and the signature, of all that a list of signatures has; raises ImageError.

        What was signed is empty where it is missing or too long. It may be anything: only the signature vouches for it.
        """


class LabRegistry:
    """The lab's registry by its HTTP API. ``client`` is made anew after an error: passwords and authorities change."""

    def __init__(self, settings: Mapping[str, Any]):
        self._settings = settings
        self._client: RegistryClient | None = None

    def credentials(self) -> tuple[str, str]:
        """Return user name and password for pulling."""
        path = Path(self._settings["password_file"]) if self._settings.get("password_file") else None
        return self._settings.get("username", ""), path.read_text().strip() if path and path.exists() else ""

    def client(self) -> RegistryClient:
        """Return the client, made when needed."""
        if self._client is None:
            username, password = self.credentials()
            registry = self._settings["registry"]
            self._client = RegistryClient(
                reach.url(registry, plain_http=bool(self._settings.get("plain_http"))),
                username=username or None,
                password=password,
                ca_files=reach.authorities(registry),
                timeout=5,
                retries=0,
            )
        return self._client

    def forget(self) -> None:
        """Make a new client next time."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def repositories(self) -> list[str]:
        return self.client().repositories()

    def tags(self, repository: str) -> list[str]:
        return self.client().tags(repository)

    def digest(self, repository: str, reference: str) -> str | None:
        return self.client().digest(repository, reference)

    def description(self, repository: str, digest: str) -> Description | None:
        try:
            return self._description(repository, digest)
        except RegistryError as error:
            if error.status != 404:
                raise
            raise ImageError("a part of it is missing in the registry; push it again") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ImageError(f"it is no image of a container ({type(error).__name__}: {error})") from error

    def signatures(self, repository: str, reference: str) -> list[tuple[bytes, bytes]]:
        try:
            return signatures.read(self.client(), repository, reference)
        except ValueError as error:
            raise ImageError(str(error)) from error

    def _description(self, repository: str, digest: str) -> Description | None:
        found = parse(self.client().manifest(repository, digest))
        if found.subject is not None:
            return None
        if found.kind == INDEX:  # one image for each kind of processor
            images = [child for child in found.children if not child.attestation and not child.uncertain]
            if not images:
                return None
            fitting = [child for child in images if child.platform.split("/")[1:2] in ([_machine()], [])]
            if not fitting:
                raise ImageError(f"it is not made for this kind of processor ({_machine()})")
            found = parse(self.client().manifest(repository, fitting[0].digest))
        if found.kind == ARTIFACT:
            return None
        if found.kind != IMAGE or found.config is None:
            raise ImageError("it is no image of a container, or of a kind that is not known here")
        configuration = self.client().blob_json(repository, found.config.digest)
        labels = (configuration.get("config") or {}).get("Labels") or {}
        return labels, configuration.get("created") or "", sum(layer.size for layer in found.layers)


def _machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
