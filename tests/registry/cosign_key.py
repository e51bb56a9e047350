# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys in the form of `cosign generate-key-pair`, which skopeo signs with: scrypt and NaCl's secretbox."""

from __future__ import annotations

import base64
import hashlib
import json
import os

from nacl.secret import SecretBox


def encrypted(der: bytes, password: bytes) -> str:
    """Return a private key (PKCS 8 in DER) as cosign keeps it."""
    salt, nonce = os.urandom(32), os.urandom(SecretBox.NONCE_SIZE)
    strong = {"N": 32768, "r": 8, "p": 1}
    key = hashlib.scrypt(password, salt=salt, n=strong["N"], r=strong["r"], p=strong["p"], maxmem=64 << 20, dklen=32)
    document = {
        "kdf": {"name": "scrypt", "params": strong, "salt": base64.b64encode(salt).decode()},
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
        "ciphertext": base64.b64encode(SecretBox(key).encrypt(der, nonce).ciphertext).decode(),
    }
    text = base64.encodebytes(json.dumps(document).encode()).decode()
    return f"-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n{text}-----END ENCRYPTED COSIGN PRIVATE KEY-----\n"
