# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs images as cosign's specification says, by python3-cryptography and without any code of the collection.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md; cosign itself was not run. The layout was written
down by hand after that page and after what go-containerregistry writes for an image of such layers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Key:
    """A pair of keys."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self.private = ec.generate_private_key(curve or ec.SECP256R1())

    @property
    def public(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def pem(self, form: serialization.PrivateFormat, password: bytes = b"") -> str:
        protection = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )  # fmt: skip
        return self.private.private_bytes(serialization.Encoding.PEM, form, protection).decode()

    def sign(self, content: bytes) -> bytes:
        return self.private.sign(content, ec.ECDSA(hashes.SHA256()))

    def made(self, content: bytes, signature: bytes) -> bool:
        try:
            self.private.public_key().verify(signature, content, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def payload(reference: str, digest: str, kind: str = "cosign container image signature") -> bytes:
    identity, image = f'{{"docker-reference":"{reference}"}}', f'{{"docker-manifest-digest":"{digest}"}}'
    critical = f'{{"identity":{identity},"image":{image},"type":"{kind}"}}'
    return f'{{"critical":{critical},"optional":null}}'.encode()


def layer(content: bytes, signature: bytes, **more: t.Any) -> dict[str, t.Any]:
    annotations = {"dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()}
    return {"mediaType": LAYER, "size": len(content), "digest": sha256(content), "annotations": annotations, **more}


def manifest(*layers: dict[str, t.Any]) -> tuple[bytes, bytes]:
    """Return configuration and manifest."""
    time = "0001-01-01T00:00:00Z"
    config = json.dumps(
        {"architecture": "", "created": time, "history": [{"created": time} for _one in layers], "os": "",
         "rootfs": {"type": "layers", "diff_ids": [one.get("digest") for one in layers]}, "config": {}},
        separators=(",", ":"),
    ).encode()  # fmt: skip
    document = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(config),
                   "digest": sha256(config)},
        "layers": list(layers),
    }  # fmt: skip
    return config, json.dumps(document, separators=(",", ":")).encode()
