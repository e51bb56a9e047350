# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a manifest refers to: Docker schema 2, OCI images, indexes and artifacts; schema 1 is only recognised."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from .protocol import DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1, OCI_INDEX, OCI_MANIFEST, RawManifest, is_digest

INDEX, IMAGE, ARTIFACT, SCHEMA1, UNKNOWN = "index", "image", "artifact", "schema1", "unknown"
CONFIG_TYPES = frozenset(
    {"application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"},
)
MANIFEST_TYPES = frozenset({OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1})
# Types of layers and configurations: an index that lists them means blobs of its own, and no images.
BLOB_TYPES = re.compile(
    r"application/vnd\.(oci\.image\.(layer|config)|docker\.(image\.rootfs|container\.image)|buildkit\.cacheconfig)\..+"
)
# An image built before this was not built then: reproducible builds write 0, 1 or 1980 for "no date".
OLDEST_BELIEVABLE = datetime.fromisoformat("1990-01-01T00:00:00+00:00").timestamp()


class Blob(NamedTuple):
    """A digest and the size in bytes that the manifest gives for it."""

    digest: str
    size: int


class Child(NamedTuple):
    """An entry of an index. ``attestation``: it describes another entry and is no image.

    ``uncertain``: its type is not known here, so it may be a manifest or a blob.
    """

    digest: str
    platform: str
    attestation: bool
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest, and what it needs. ``created`` (seconds) and ``labels`` come from the configuration of an image."""

    digest: str
    media_type: str
    size: int
    kind: str
    config: Blob | None = None
    config_type: str = ""
    layers: tuple[Blob, ...] = ()
    children: tuple[Child, ...] = ()
    subject: str | None = None
    artifact_type: str = ""
    platform: str = ""
    created: float | None = None
    # The configuration has been read; only then is "created is None" an answer.
    complete: bool = False

    @property
    def blobs(self) -> Iterator[Blob]:
        """The configuration and the layers; the layers that an index lists itself, too."""
        if self.config is not None:
            yield self.config
        yield from self.layers

    @property
    def understood(self) -> bool:
        """Whether it is known what this manifest refers to."""
        return self.kind not in (SCHEMA1, UNKNOWN)

    @property
    def has_image_config(self) -> bool:
        """Whether the configuration says when and for what platform the image was built."""
        return self.config is not None and self.kind == IMAGE and self.config_type in CONFIG_TYPES


def parse(raw: RawManifest) -> Manifest:
    """Return what a manifest says; what is not understood has the kind ``unknown`` or ``schema1`` and is no error.

    Every digest that an unknown document mentions counts as a child, so that nothing it may need is removed.
    """
    document: Any = None
    media_type = raw.media_type
    try:
        document = json.loads(raw.body)
        media_type = str(document.get("mediaType") or raw.media_type or _guess(document))
        if media_type in (OCI_INDEX, DOCKER_LIST):
            return _index(raw, media_type, document)
        if media_type in (OCI_MANIFEST, DOCKER_MANIFEST):
            return _image(raw, media_type, document)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    mentioned = re.findall(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", raw.body.decode("utf-8", "replace"))
    schema1 = media_type == DOCKER_SCHEMA1 or (isinstance(document, dict) and document.get("schemaVersion") == 1)
    children = tuple(Child(digest, "", False) for digest in dict.fromkeys(mentioned) if digest != raw.digest)
    kind = SCHEMA1 if schema1 else UNKNOWN
    return Manifest(raw.digest, media_type, len(raw.body), kind, children=children, complete=True)


def with_config(manifest: Manifest, config: Mapping[str, Any], now: float) -> Manifest:
    """Return the manifest completed from the image's configuration; ``now`` tells dates in the future."""
    platform = "/".join(str(config[key]) for key in ("os", "architecture", "variant") if config.get(key))
    return replace(manifest, created=timestamp(config.get("created"), now), platform=platform, complete=True)


def timestamp(text: object, now: float | None = None) -> float | None:
    """Return RFC 3339 text as seconds since the epoch; None when it is missing, unreadable or cannot be true.

    Up to nine digits of a second and any offset are understood. Before 1990, or more than an hour after ``now``, a date
    is no date: reproducible builds and wrong clocks.
    """
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)", str(text or "").strip()
    )
    if not match:
        return None
    try:
        seconds = datetime.fromisoformat(match[1] + (match[3] if match[3] != "Z" else "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
    seconds += float(f"0.{match[2]}") if match[2] else 0.0
    if seconds < OLDEST_BELIEVABLE or seconds > (time.time() if now is None else now) + 3600:
        return None
    return seconds


def signed_digest(tag: str) -> str | None:
    """Return the digest whose signature, attestation or referrers' list a tag such as ``sha256-<hex>.sig`` holds."""
    match = re.fullmatch(r"(sha256|sha512)-([0-9a-f]{64,128})(?:\..+)?", tag)
    digest = f"{match[1]}:{match[2]}" if match else ""
    return digest if is_digest(digest) else None


def _index(raw: RawManifest, media_type: str, document: dict[str, Any]) -> Manifest:
    children, layers = [], []
    for entry in document["manifests"] or []:
        listed = str(entry.get("mediaType") or OCI_MANIFEST)
        if BLOB_TYPES.fullmatch(listed):  # a build cache, as BuildKit before 0.21 exports it
            layers.append(Blob(_digest(entry["digest"]), int(entry["size"])))
            continue
        platform = entry.get("platform") or {}
        name = "/".join(str(platform[key]) for key in ("os", "architecture", "variant") if platform.get(key))
        kind = (entry.get("annotations") or {}).get("vnd.docker.reference.type")
        uncertain = listed not in MANIFEST_TYPES
        children.append(Child(_digest(entry["digest"]), name, kind == "attestation-manifest", uncertain))
    return Manifest(
        raw.digest,
        media_type,
        len(raw.body),
        INDEX,
        layers=tuple(layers),
        children=tuple(children),
        subject=_subject(document),
        artifact_type=str(document.get("artifactType") or ""),
        complete=True,
    )


def _image(raw: RawManifest, media_type: str, document: dict[str, Any]) -> Manifest:
    config = document["config"]
    config_type = str(config.get("mediaType") or "")
    subject = _subject(document)
    is_image = config_type in CONFIG_TYPES and not document.get("artifactType")
    return Manifest(
        raw.digest,
        media_type,
        len(raw.body),
        IMAGE if is_image else ARTIFACT,
        config=Blob(_digest(config["digest"]), int(config["size"])),
        config_type=config_type,
        layers=tuple(Blob(_digest(layer["digest"]), int(layer["size"])) for layer in document.get("layers") or []),
        subject=subject,
        artifact_type=str(document.get("artifactType") or ("" if is_image else config_type)),
        complete=not is_image,
    )


def _guess(document: Mapping[str, Any]) -> str:
    """Return the type of a document that does not name it, as OCI allows."""
    if document.get("schemaVersion") == 1:
        return DOCKER_SCHEMA1
    if "manifests" in document:
        return OCI_INDEX
    return OCI_MANIFEST if "config" in document and "layers" in document else ""


def _subject(document: Mapping[str, Any]) -> str | None:
    subject = document.get("subject")
    return _digest(subject["digest"]) if subject else None


def _digest(text: object) -> str:
    if not isinstance(text, str) or not is_digest(text):
        raise ValueError(f"{text!r} is not a digest")
    return text
