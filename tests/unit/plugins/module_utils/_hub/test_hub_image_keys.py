# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public keys of images: which are taken, and what is said of others."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.labserver.jupyter.plugins.module_utils._hub import image_keys
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.cosign import Key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

KEY = Key()
PEM, SPKI = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo


def problems(*keys: t.Any, unsigned: t.Sequence[str] = ()) -> list[str]:
    return image_keys.problems({"hub_image_signatures": list(keys), "hub_images_unsigned": list(unsigned)})


def test_a_key_of_cryptography_is_read_byte_for_byte() -> None:
    der = KEY.private.public_key().public_bytes(serialization.Encoding.DER, SPKI)
    assert image_keys.der(KEY.public) == der
    assert image_keys.der(f"\n {KEY.public.replace(chr(10), chr(13) + chr(10))} \n") == der
    one, two = image_keys.ImageKey("a", KEY.public), image_keys.ImageKey("b", "\n" + KEY.public)
    assert one.identity == two.identity != image_keys.ImageKey("a", Key().public).identity


def test_good_keys_are_taken() -> None:
    assert problems({"name": "lab-2026", "key": KEY.public}, {"name": "lab-2027", "key": Key().public}) == []
    assert problems() == problems(unsigned=["*"]) == []


def test_keys_of_other_kinds_are_refused() -> None:
    def public(key: t.Any) -> str:
        return str(key.public_key().public_bytes(PEM, SPKI).decode())

    compressed = KEY.private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    bad = image_keys.der(KEY.public)[:-1] + bytes([image_keys.der(KEY.public)[-1] ^ 1])

    def wrapped(der: bytes) -> str:
        return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"

    for pem in (
        public(rsa.generate_private_key(65537, 2048)),
        public(ed25519.Ed25519PrivateKey.generate()),
        public(ec.generate_private_key(ec.SECP384R1())),
        public(ec.generate_private_key(ec.SECP256K1())),
        wrapped(compressed),
        wrapped(bad),  # not a point of the curve: a letter was mistyped
        wrapped(image_keys.der(KEY.public) + b"x"),
        wrapped(image_keys.der(KEY.public)[:-1]),
        wrapped(image_keys.HEAD + bytes(64)),
        KEY.public.replace("PUBLIC KEY", "CERTIFICATE"),
        KEY.public + KEY.public,
        KEY.public[:-30],
        "",
        "lab.pub",
    ):
        (said,) = problems({"name": "lab", "key": pem})
        assert said.startswith("hub_image_signatures[0].key: is no public key of ECDSA on the curve P-256 in PEM; make")


def test_a_private_key_is_never_brought_to_a_server() -> None:
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        pem = KEY.pem(form)
        (said,) = problems({"name": "lab", "key": pem})
        assert "is a private key, which a server must not have" in said
        assert not any(line in said for line in pem.splitlines() if "-----" not in line)


def test_all_problems_are_told_at_once() -> None:
    said = problems(
        {"name": "lab", "key": KEY.public},
        {"name": "lab", "key": Key().public},
        {"name": "of the lab", "key": "x"},
        {"name": "again", "key": "\n" + KEY.public},
        unsigned=["people/*", "*", "**"],
    )
    assert [line.partition(" ")[0] for line in said] == [
        "hub_image_signatures[1].name:",
        "hub_image_signatures[2].name:",
        "hub_image_signatures[2].key:",
        "hub_image_signatures[3].key:",
        "hub_images_unsigned[1]:",
        "hub_images_unsigned[2]:",
    ]
