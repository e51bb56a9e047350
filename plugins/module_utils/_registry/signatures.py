# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the signatures of an image in a registry, and adds some; see ``signature`` for what they are."""

from __future__ import annotations

from collections.abc import Sequence

from . import signature
from .client import RegistryClient
from .protocol import OCI_MANIFEST, is_digest

Made = tuple[bytes, bytes]
"""What was signed, and the signature in DER."""


def read(client: RegistryClient, repository: str, reference: str) -> list[Made]:
    """Return what a list of signatures (a tag or digest) holds. Raises RegistryError, and ValueError if it is none.

    What was signed is empty where it is missing or too long. It may be anything: only the signature vouches for it.
    """
    listed = signature.stored(client.manifest(repository, reference).body)
    contents = {one.payload: _payload(client, repository, one) for one in listed}
    return [(contents[one.payload], one.signature) for one in listed]


def _payload(client: RegistryClient, repository: str, one: signature.Stored) -> bytes:
    """Return what was signed; its size is asked first, so that nobody can have something large read here."""
    if client.blob_size(repository, one.payload) != one.size:
        return b""
    path = f"/v2/{repository}/blobs/{one.payload}"
    answer = client.request("GET", path, allow=(200, 404), limit=signature.MOST_PAYLOAD_BYTES)
    return answer.body if answer.status == 200 else b""


def of_image(client: RegistryClient, repository: str, digest: str) -> list[Made]:
    """Return the signatures of an image, none where it has none; raises as ``read``."""
    there = client.digest(repository, signature.tag_of(digest))
    return [] if there is None else read(client, repository, there)


def add(client: RegistryClient, repository: str, digest: str, made: Sequence[Made]) -> None:
    """Add signatures to those of an image; what others signed stays. Raises RegistryError, and ValueError."""
    tag = signature.tag_of(digest)
    there = client.digest(repository, tag)
    listed = [] if there is None else signature.layers(client.manifest(repository, there).body)
    # A layer whose text was lost cannot be pushed again, and is no signature any more.
    kept = [layer for layer in listed if _has(client, repository, layer.get("digest"))]
    if len(kept) + len(made) > signature.MOST_SIGNATURES:
        raise ValueError(f"it has {len(kept)} signatures, and more than {signature.MOST_SIGNATURES} are not looked at")
    for content, _given in made:
        client.put_blob(repository, content)
    config, body = signature.manifest([*kept, *(signature.layer(content, given) for content, given in made)])
    client.put_blob(repository, config)
    client.put_manifest(repository, tag, body, OCI_MANIFEST)


def _has(client: RegistryClient, repository: str, digest: object) -> bool:
    return isinstance(digest, str) and is_digest(digest) and client.is_blob(repository, digest)
