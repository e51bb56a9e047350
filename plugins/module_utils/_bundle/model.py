# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a bundle: what is in it, made when and for which system, each part with its size and SHA-256."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

VERSION = 1
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
IMAGES = "images"
PACKAGES = "packages"
COLLECTION = "collection"
HEX = re.compile(r"[0-9a-f]{64}")
PATH = re.compile(r"(?!.*\.\.)[a-z]+(/[A-Za-z0-9][A-Za-z0-9._+~-]*)+")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class BundleError(Exception):
    """The bundle cannot be made or used; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Part:
    """A file of the bundle: ``size`` in bytes, ``sha256`` in hexadecimal digits."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Image:
    """An image of the engine: its name with the tag, the SHA-256 of its configuration and of its layers, lowest first.

    Each is the name of a part below ``images/``. Images that have layers in common share them.
    """

    reference: str
    config: str
    layers: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"sha256:{self.config}"


@dataclass(frozen=True)
class Manifest:
    """``created`` is the time at which the bundle was made (ISO 8601, UTC); of two bundles the later one is newer.

    ``system`` is ID and VERSION_ID of os-release(5), such as ``debian 12``; ``architecture`` is dpkg's.
    ``collection`` is the version of labserver.jupyter. ``packages`` maps names of Debian packages to versions.
    """

    created: str
    system: str
    architecture: str
    collection: str
    images: tuple[Image, ...]
    packages: Mapping[str, str]
    parts: tuple[Part, ...]

    def made(self, created: str) -> Manifest:
        """Return the same content under another time."""
        return replace(self, created=created)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)


def stamp(seconds: int) -> str:
    """Return a time in seconds since 1970 as the manifest has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render(manifest: Manifest) -> bytes:
    """Return the manifest's file; equal manifests give equal bytes."""
    document = {"version": VERSION, **asdict(manifest)}
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def read(content: bytes) -> Manifest:
    """Return the manifest of a file as ``render`` writes it; raise BundleError where it is none."""
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise BundleError(
                f"the bundle's manifest has version {document['version']!r}, and this release of the collection knows "
                f"version {VERSION} only; make the bundle with this release, or use the release that made it"
            )
        manifest = Manifest(
            created=_matching(STAMP, document["created"]),
            system=str(document["system"]),
            architecture=str(document["architecture"]),
            collection=str(document["collection"]),
            images=tuple(_image(one) for one in document["images"]),
            packages={str(name): str(version) for name, version in document["packages"].items()},
            parts=tuple(_part(one) for one in document["parts"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"the bundle's manifest is damaged ({error!r}); copy the bundle again") from None
    _complete(manifest)
    return manifest


def _complete(manifest: Manifest) -> None:
    """Raise BundleError where the manifest names files that are not among its own parts."""
    paths = [part.path for part in manifest.parts]
    there = set(paths)
    needed = {f"{IMAGES}/{name}" for image in manifest.images for name in (image.config, *image.layers)}
    if len(there) != len(paths) or not needed <= there:
        raise BundleError("the bundle's manifest contradicts itself; make the bundle again")


def _matching(pattern: re.Pattern[str], text: Any) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(text)
    return text


def _part(document: Mapping[str, Any]) -> Part:
    return Part(_matching(PATH, document["path"]), int(document["size"]), _matching(HEX, document["sha256"]))


def _image(document: Mapping[str, Any]) -> Image:
    layers: Sequence[Any] = document["layers"]
    return Image(
        str(document["reference"]),
        _matching(HEX, document["config"]),
        tuple(_matching(HEX, layer) for layer in layers),
    )
