# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys in the form of `cosign generate-key-pair`, which skopeo signs with: scrypt and NaCl's secretbox.

XSalsa20 as in https://cr.yp.to/snuffle/xsalsa-20110204.pdf. skopeo judges it, as it opens the key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives.poly1305 import Poly1305

WORDS = 0xFFFFFFFF
CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
QUARTERS = (
    (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
    (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14),
)  # fmt: skip
STEPS = ((1, 0, 3, 7), (2, 1, 0, 9), (3, 2, 1, 13), (0, 3, 2, 18))


def rounds(key: bytes, block: bytes) -> tuple[list[int], list[int]]:
    """Return the words of Salsa20 before and after its 20 rounds; ``block`` has 16 bytes."""
    k, b = struct.unpack("<8I", key), struct.unpack("<4I", block)
    c = CONSTANTS
    before = [c[0], *k[:4], c[1], *b, c[2], *k[4:], c[3]]
    words = list(before)
    for _round in range(10):
        for quarter in QUARTERS:
            for target, one, two, bits in STEPS:
                added = (words[quarter[one]] + words[quarter[two]]) & WORDS
                words[quarter[target]] ^= ((added << bits) | (added >> (32 - bits))) & WORDS
    return before, words


def secretbox(content: bytes, key: bytes, nonce: bytes) -> bytes:
    """Return what crypto_secretbox of NaCl makes of a content; ``nonce`` has 24 bytes."""
    _before, after = rounds(key, nonce[:16])
    own = struct.pack("<8I", *(after[place] for place in (0, 5, 10, 15, 6, 7, 8, 9)))
    stream = b""
    for number in range((32 + len(content)) // 64 + 1):
        before, after = rounds(own, nonce[16:] + struct.pack("<Q", number))
        stream += struct.pack("<16I", *((one + two) & WORDS for one, two in zip(before, after, strict=True)))
    hidden = bytes(one ^ two for one, two in zip(content, stream[32:], strict=False))
    return Poly1305.generate_tag(stream[:32], hidden) + hidden


def encrypted(der: bytes, password: bytes) -> str:
    """Return a private key (PKCS 8 in DER) as cosign keeps it."""
    salt, nonce = os.urandom(32), os.urandom(24)
    strong = {"N": 32768, "r": 8, "p": 1}
    key = hashlib.scrypt(password, salt=salt, n=strong["N"], r=strong["r"], p=strong["p"], maxmem=64 << 20, dklen=32)
    document = {
        "kdf": {"name": "scrypt", "params": strong, "salt": base64.b64encode(salt).decode()},
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
        "ciphertext": base64.b64encode(secretbox(der, key, nonce)).decode(),
    }
    text = base64.encodebytes(json.dumps(document).encode()).decode()
    return f"-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n{text}-----END ENCRYPTED COSIGN PRIVATE KEY-----\n"
