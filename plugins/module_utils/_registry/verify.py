# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proves over the API that tags can still be pulled: manifest, children, configurations and layers are all there."""

from __future__ import annotations

from collections.abc import Mapping

from .client import RegistryClient
from .facts import closure
from .manifest import Manifest


def verify(
    client: RegistryClient,
    repository: str,
    tags: Mapping[str, str],
    manifests: Mapping[str, Manifest],
    layers: bool = True,
) -> list[str]:
    """Return what is missing of ``tags`` (tag -> digest); empty when each can be pulled completely.

    Without ``layers`` only the manifests are looked for.

    A tag that points elsewhere by now was pushed again and is no loss; one that is gone is.
    """
    names = sorted(tags)
    missing = []
    unchanged: set[str] = set()
    for tag, digest in zip(names, client.map(lambda tag: client.digest(repository, tag), names), strict=True):
        if digest is None:
            missing.append(f"{repository}:{tag} cannot be pulled any more")
        elif digest == tags[tag]:
            unchanged.add(digest)
    needed = closure(unchanged, manifests)
    children = sorted(needed - unchanged)
    for digest, found in zip(children, client.map(lambda item: client.digest(repository, item), children), strict=True):
        if found is None:
            missing.append(f"{repository}@{digest} is missing, and an index needs it")
    if not layers:
        return missing
    blobs = sorted({blob.digest for digest in needed if digest in manifests for blob in manifests[digest].blobs})
    for digest, size in zip(blobs, client.map(lambda item: client.blob_size(repository, item), blobs), strict=True):
        if size is None:
            missing.append(f"{repository}: the layer or configuration {digest} is missing")
    return missing
