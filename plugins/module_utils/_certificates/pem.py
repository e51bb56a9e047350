# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and keys of others in the one form that is installed: PEM blocks of our own writing and nothing else.

What people hand over is a text around the blocks, a key beside the certificate (then everybody could read it in
cert.pem), blocks glued together, a byte order mark, DER or PKCS#12. Servers refuse some of these and openssl reads all.
"""

from __future__ import annotations

import binascii
import itertools
import re
import ssl
from collections.abc import Iterator

from .openssl import openssl

BLOCK = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)
NO_PASS_PHRASE = ("-passin", "pass:")  # so that openssl never asks for one


def split(content: bytes) -> list[bytes]:
    """Return the certificates of a PEM file in order, each written anew; raises ValueError for a damaged one."""
    found = []
    for number, match in enumerate(BLOCK.finditer(content), start=1):
        try:
            der = binascii.a2b_base64(b"".join(match.group(1).split()), strict_mode=True)
        except binascii.Error as error:
            raise ValueError(f"certificate {number} is damaged: {error}") from error
        found.append(ssl.DER_cert_to_PEM_cert(der).encode())
    return found


def certificates(content: bytes) -> bytes:
    """Return the chain that a file of any usual form holds: PEM, DER or PKCS#12. Raises ValueError."""
    blocks = split(content)
    if not blocks and b"-----BEGIN" not in content:
        blocks = next((blocks for blocks in _binary(content) if blocks), [])
    if not blocks:
        raise ValueError("the certificate holds no certificate (empty, or neither PEM, DER nor PKCS#12)")
    return b"".join(blocks)


def _binary(content: bytes) -> Iterator[list[bytes]]:
    """Read PKCS#12 without a password, then DER: first the server's own certificate, then those above it."""
    forms = (
        [["pkcs12", "-nokeys", kind, *NO_PASS_PHRASE] for kind in ("-clcerts", "-cacerts")],
        [["x509", "-inform", "DER"]],  # second: it takes the first certificate out of a PKCS#12 file too
    )
    for commands in forms:
        try:
            yield list(itertools.chain.from_iterable(split(openssl(command, content)) for command in commands))
        except ValueError as error:
            if "invalid password" in str(error):
                raise ValueError(
                    "the certificate is a PKCS#12 file with a password; take it off first:"
                    " openssl pkcs12 -in FILE -noenc -out FILE.pem (mode 0600), and give FILE.pem as both"
                ) from error


def private_key(content: bytes) -> bytes:
    """Return the key alone, as PKCS#8 in PEM, of a file of any usual form. Raises ValueError."""
    if b"ENCRYPTED" in content:
        raise ValueError(
            "the private key is encrypted, and nobody is there to type its pass phrase when it is renewed;"
            " take it off: openssl pkey -in FILE -out FILE.plain (mode 0600)"
        )
    try:
        return openssl(["pkey", *NO_PASS_PHRASE], content)
    except ValueError as error:
        raise ValueError(
            "the private key cannot be read (empty, with a password, or neither PEM, DER nor PKCS#12)"
        ) from error
