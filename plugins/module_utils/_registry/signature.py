# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures of images in cosign's format: what is signed, and how it lies in a registry. Pure.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md: beside an image lies a manifest under a tag made
of the image's digest. Each layer is a text that names the image, its signature (ECDSA on P-256 over SHA-256) stands in
an annotation.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .protocol import OCI_MANIFEST, digest_of, is_digest

TYPE = "cosign container image signature"
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
NO_TIME = "0001-01-01T00:00:00Z"
"""What cosign writes, so that the same signatures make the same manifest."""
MOST_SIGNATURES = 50
MOST_PAYLOAD_BYTES = 64 << 10
SHORTEST, LONGEST = 8, 72
"""Bytes of a signature in DER: two numbers of 1 to 33 bytes with their heads."""
HOST = re.compile(r"localhost|[^/]*[.:][^/]*")
"""The first part of a reference is a host when it has a dot or a port (https://github.com/distribution/reference)."""


@dataclass(frozen=True)
class Stored:
    """A signature as a manifest lists it: digest and size (bytes) of what was signed, and the signature in DER."""

    payload: str
    size: int
    signature: bytes


def tag_of(digest: str) -> str:
    """Return the tag under which the signatures of an image lie."""
    return digest.replace(":", "-") + ".sig"


def payload(reference: str, digest: str) -> bytes:
    """Return the text to be signed, byte for byte as cosign writes it. ``reference``: registry/repository."""
    document = {
        "critical": {
            "identity": {"docker-reference": reference},
            "image": {"docker-manifest-digest": digest},
            "type": TYPE,
        },
        "optional": None,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def objection(content: bytes, repository: str, digest: str) -> str:
    """Return why a signed text is not about this image, in words; empty when it is.

    The registry's own name may differ: one and the same is 127.0.0.1:5000 on its host and another elsewhere.
    """
    try:
        document = json.loads(content)
        critical = document["critical"]
        kind, image = critical["type"], critical["image"]["docker-manifest-digest"]
        reference = critical["identity"]["docker-reference"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it is not readable"
    if kind != TYPE:
        return "it is of another kind"
    if image != digest:
        return "it is for another image"
    if not isinstance(reference, str) or _repository(reference) != repository:
        return f"it is for another repository ({reference})"
    return ""


def _repository(reference: str) -> str:
    name = reference.partition("@")[0]
    first, slash, rest = name.partition("/")
    if slash and HOST.fullmatch(first):
        name = rest
    return name.partition(":")[0]


def stored(body: bytes) -> list[Stored]:
    """Return the signatures that a manifest lists, at most ``MOST_SIGNATURES``; what is none of them is left out.

    Raises ValueError when it is no list of signatures, or a longer one.
    """
    found = []
    for layer in layers(body):
        try:
            if layer["mediaType"] != PAYLOAD_TYPE:
                continue
            one = Stored(layer["digest"], layer["size"], _signature(layer["annotations"][ANNOTATION]))
        except (KeyError, TypeError, ValueError):
            continue
        sized = isinstance(one.size, int) and 0 < one.size <= MOST_PAYLOAD_BYTES
        if sized and isinstance(one.payload, str) and is_digest(one.payload):
            found.append(one)
    if len(found) > MOST_SIGNATURES:
        raise ValueError(f"it lists {len(found)} signatures; at most {MOST_SIGNATURES} are looked at")
    return found


def layers(body: bytes) -> list[Mapping[str, Any]]:
    """Return the layers of a manifest as they stand there; raises ValueError when it is not one."""
    try:
        document = json.loads(body)
        found = document["layers"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("it is no list of signatures") from error
    if not isinstance(found, list) or not all(isinstance(layer, dict) for layer in found):
        raise ValueError("it is no list of signatures")
    return found


def _signature(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("no text")
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError("not in base64") from error
    if not SHORTEST <= len(found) <= LONGEST:
        raise ValueError("not of the length of a signature")
    return found


def layer(content: bytes, signature: bytes) -> dict[str, Any]:
    """Return the layer of a signature (in DER) of ``content``."""
    annotations = {ANNOTATION: base64.b64encode(signature).decode()}
    described = {"mediaType": PAYLOAD_TYPE, "size": len(content), "digest": digest_of(content)}
    return {**described, "annotations": annotations}


def manifest(listed: Sequence[Mapping[str, Any]]) -> tuple[bytes, bytes]:
    """Return configuration and manifest of these layers, as cosign writes them."""
    config = {
        "architecture": "",
        "created": NO_TIME,
        "history": [{"created": NO_TIME} for _layer in listed],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in listed]},
        "config": {},
    }
    content = json.dumps(config, separators=(",", ":")).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": CONFIG_TYPE, "size": len(content), "digest": digest_of(content)},
        "layers": list(listed),
    }
    return content, json.dumps(document, separators=(",", ":")).encode()
