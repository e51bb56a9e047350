# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signs with the lab's private key on the controller, where Ansible itself needs python3-cryptography."""

from __future__ import annotations

from ansible_collections.labserver.jupyter.plugins.module_utils._hub.image_keys import MAKE_KEYS

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError as error:
    MISSING = str(error)
else:
    MISSING = ""


class Signer:
    """A private key of ECDSA on P-256."""

    def __init__(self, pem: str) -> None:
        """Read a key in PEM (PKCS 8 or SEC 1); raises ValueError, which says what it has to be and never what it is."""
        if MISSING:
            raise ValueError(f"needs python3-cryptography on the controller, as ansible-core itself does: {MISSING}")
        if "ENCRYPTED" in pem:
            raise ValueError(
                "is encrypted with a password of its own; write it unencrypted into a vault (openssl ec -in lab.key)"
            )
        try:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"is no private key of ECDSA on the curve P-256 in PEM; {MAKE_KEYS}")
        self._key = key

    def sign(self, content: bytes) -> bytes:
        """Return the signature of a text in DER; it is another one each time."""
        return self._key.sign(content, ec.ECDSA(hashes.SHA256()))

    def made(self, content: bytes, given: bytes) -> bool:
        """Tell whether a signature was made with this key."""
        try:
            self._key.public_key().verify(given, content, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
