# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The public keys by which images have to be signed, and the rules of the inputs that name them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PUBLIC KEY-----")
# All of a public key on the curve P-256 (RFC 5480) but the point: two numbers of 32 bytes, not compressed (04).
HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
POINT_BYTES = 64
# The curve (https://www.secg.org/sec2-v2.pdf, 2.4.2): y² = x³ - 3x + B modulo P.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MAKE_KEYS = (
    "make keys with: openssl ecparam -name prime256v1 -genkey -noout -out lab.key; "
    "openssl ec -in lab.key -pubout -out lab.pub"
)


@dataclass(frozen=True)
class ImageKey:
    """A public key: how people call it, and the key in PEM."""

    name: str
    pem: str

    @property
    def identity(self) -> str:
        """SHA-256 of the key itself, in hexadecimal digits: the same however it is called or wrapped."""
        return hashlib.sha256(der(self.pem)).hexdigest()


def der(pem: str) -> bytes:
    """Return a public key of ECDSA on P-256 as bytes; raises ValueError, which says what it has to be."""
    match = PEM.fullmatch(pem.strip())
    try:
        found = base64.b64decode("".join(match[1].split()), validate=True) if match else b""
    except binascii.Error:
        found = b""
    point = found.removeprefix(HEAD)
    x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    whole = found.startswith(HEAD) and len(point) == POINT_BYTES
    if not whole or max(x, y) >= P or (y * y - (x * x * x - 3 * x + B)) % P:
        raise ValueError(f"is no public key of ECDSA on the curve P-256 in PEM; {MAKE_KEYS}")
    return found


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the keys of images."""
    found: list[str] = []
    names: dict[str, int] = {}
    keys: dict[bytes, int] = {}
    for index, entry in enumerate(inputs["hub_image_signatures"]):
        where = f"hub_image_signatures[{index}]"
        name = str(entry.get("name", ""))
        if not NAME.fullmatch(name):
            found.append(
                f"{where}.name: {name!r} is no name of a key; use letters, digits and . _ - (not first), at most 63"
            )
        elif name in names:
            found.append(f"{where}.name: {name} is the name of hub_image_signatures[{names[name]}] too; give another")
        names.setdefault(name, index)
        pem = str(entry.get("key", ""))
        if "PRIVATE KEY" in pem:
            found.append(
                f"{where}.key: is a private key, which a server must not have; write its public one (openssl ec -in "
                "lab.key -pubout) and put the private one into a vault"
            )
            continue
        try:
            key = der(pem)
        except ValueError as error:
            found.append(f"{where}.key: {error}")
            continue
        if key in keys:
            found.append(f"{where}.key: is the key of hub_image_signatures[{keys[key]}] too; take one of them away")
        keys.setdefault(key, index)
    for index, pattern in enumerate(inputs["hub_images_unsigned"]):
        if not str(pattern).strip("*?/") and inputs["hub_image_signatures"]:
            found.append(
                f"hub_images_unsigned[{index}]: {pattern!r} fits all images, so no signature would be asked for; name "
                "repositories, such as people/*, or take hub_image_signatures away"
            )
    return found
