# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of the OCI distribution API: media types, digests, a raw manifest, and the error of a request."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
# All of them in every request: with a narrower list distribution answers with another manifest, or 404. Schema 1 comes
# last, so that it is recognised where nothing else exists.
ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST, DOCKER_SCHEMA1))

MAX_MANIFEST_BYTES = 4 << 20  # what the distribution specification asks registries to accept
MAX_BLOB_BYTES = 16 << 20
MAX_LIST_BYTES = 64 << 20


class RegistryError(Exception):
    """A request that failed for good. ``status`` is the HTTP status, or None when there was no complete answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class RawManifest:
    """A manifest as the registry stores it; ``digest`` is the digest of ``body``, verified."""

    digest: str
    media_type: str
    body: bytes


def is_digest(text: str) -> bool:
    """Whether ``text`` is a digest (``sha256:<64 hex>`` or ``sha512:<128 hex>``), not a tag."""
    return re.fullmatch(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", text) is not None


def digest_of(body: bytes, like: str = "") -> str:
    """Return the digest of ``body`` by the algorithm of the digest ``like`` (sha256 when there is none)."""
    algorithm = "sha512" if like.startswith("sha512:") else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"
