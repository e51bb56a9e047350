# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's private key: which is taken, and that others agree with what it signs."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import signed
from ansible_collections.labserver.jupyter.plugins.module_utils._common import process
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.image_keys import ImageKey
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _signing
from ansible_collections.labserver.jupyter.plugins.plugin_utils._signing import Signer
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.cosign import Key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PKCS8, SEC1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


@pytest.mark.parametrize("form", [PKCS8, SEC1])
def test_what_it_signs_openssl_takes(form: serialization.PrivateFormat) -> None:
    key = Key()
    signer = Signer(key.pem(form))
    made = signer.sign(b"text")
    assert signed.verify(ImageKey("lab", key.public), b"text", made)
    assert signer.made(b"text", made)
    assert not signer.made(b"other", made)
    assert not Signer(Key().pem(form)).made(b"text", made)
    assert not signer.made(b"text", b"\x30\x00")
    assert not signer.made(b"text", b"")


def test_keys_that_openssl_makes_as_the_documentation_says_are_taken(tmp_path: Path) -> None:
    private, public = tmp_path / "lab.key", tmp_path / "lab.pub"
    for command in (
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private)],
        ["openssl", "ec", "-in", str(private), "-pubout", "-out", str(public)],
    ):
        assert process.call(command, 30).status == 0
    key = ImageKey("lab", public.read_text())
    assert signed.verify(key, b"text", Signer(private.read_text()).sign(b"text"))
    assert len(key.identity) == 64


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (Key().pem(PKCS8, b"password"), "is encrypted with a password of its own"),
        (Key(ec.SECP384R1()).pem(PKCS8), "is no private key of ECDSA on the curve P-256"),
        (Key().public, "is no private key"),
        (Key().pem(PKCS8)[:-60], "is no private key"),
        ("", "is no private key"),
        ("/home/mira/own.key", "is no private key"),
    ],
)
def test_others_are_refused_and_never_repeated(pem: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        Signer(pem)
    assert not any(line in str(caught.value) for line in pem.splitlines() if line and "-----" not in line)


def test_other_kinds_are_refused() -> None:
    for key in (rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()):
        pem = key.private_bytes(serialization.Encoding.PEM, PKCS8, serialization.NoEncryption()).decode()
        with pytest.raises(ValueError, match="is no private key of ECDSA"):
            Signer(pem)


def test_a_controller_without_the_library_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_signing, "MISSING", "No module named 'cryptography'")
    with pytest.raises(ValueError, match="needs python3-cryptography on the controller"):
        Signer(Key().pem(PKCS8))
