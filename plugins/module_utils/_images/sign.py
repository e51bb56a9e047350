# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signs images in the registry: which lack a signature of the lab's key, and what is added. The key is not here.

The key stays on the controller, where the action ``images_sign`` signs; the host reads and writes the registry.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._registry import signature, signatures
from .._registry.client import RegistryClient
from .._registry.protocol import RegistryError

Verify = Callable[[bytes, bytes], bool]
"""Tells whether a signature (DER) of a text was made with the lab's key."""


class SignError(Exception):
    """Signatures could not be read or added; the text says of which image and what to do."""


@dataclass(frozen=True)
class Image:
    """An image to be signed. ``digest`` is empty for one that is not in the registry yet (check mode only)."""

    repository: str
    digest: str
    tag: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.repository}:{self.tag}" if self.tag else f"{self.repository}@{self.digest}"


def once(images: Iterable[Image]) -> list[Image]:
    """Return images without those that are another one's under a second tag."""
    found: dict[tuple[str, str], Image] = {}
    for image in images:
        found.setdefault((image.repository, image.digest or image.tag), image)
    return list(found.values())


def current(client: RegistryClient, images: Sequence[Image]) -> tuple[list[dict[str, str]], list[Image]]:
    """Return the signatures that images have, in base64, and the images that the registry does not have."""
    found, absent = [], []
    for image in images:
        if not image.digest:
            continue
        try:
            if client.digest(image.repository, image.digest) is None:
                absent.append(image)
                continue
            listed = signatures.of_image(client, image.repository, image.digest)
        except ValueError as error:
            raise SignError(_odd(image, error)) from error
        except RegistryError as error:
            raise SignError(f"{image.name}: its signatures cannot be read: {error}") from error
        found += [told(image, content, given) for content, given in listed]
    return found, absent


def told(image: Image, content: bytes, given: bytes) -> dict[str, str]:
    """Return a signature as it goes between controller and host."""
    return {
        "repository": image.repository,
        "digest": image.digest,
        "payload": base64.b64encode(content).decode(),
        "signature": base64.b64encode(given).decode(),
    }


def compare(images: Sequence[Image], found: Sequence[Mapping[str, Any]], verify: Verify) -> list[Image]:
    """Return the images that have no signature of the lab's key."""
    signed = set()
    for one in found:
        repository, digest = str(one["repository"]), str(one["digest"])
        content = base64.b64decode(one["payload"])
        if not signature.objection(content, repository, digest) and verify(content, base64.b64decode(one["signature"])):
            signed.add((repository, digest))
    return [image for image in images if (image.repository, image.digest) not in signed]


def apply(client: RegistryClient, made: Sequence[Mapping[str, Any]]) -> None:
    """Add signatures, and see that the registry has them; raises SignError."""
    for one in made:
        image = Image(str(one["repository"]), str(one["digest"]))
        content, given = base64.b64decode(one["payload"]), base64.b64decode(one["signature"])
        try:
            signatures.add(client, image.repository, image.digest, [(content, given)])
            there = signatures.of_image(client, image.repository, image.digest)
        except ValueError as error:
            raise SignError(_odd(image, error)) from error
        except RegistryError as error:
            raise SignError(f"{image.name}: its signature could not be pushed: {error}") from error
        if (content, given) not in there:
            raise SignError(f"{image.name}: its signature was pushed but is not there; see the registry's log")


def _odd(image: Image, error: ValueError) -> str:
    return (
        f"{image.name}: what the registry has for its signatures cannot be used: {error}; delete the tag "
        f"{signature.tag_of(image.digest)} of {image.repository} in the registry and run this again"
    )
