# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in the list of images are told."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._images.input import problems
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.cosign import Key
from cryptography.hazmat.primitives import serialization

GOOD = {"repository": "leem/analysis", "tag": "3.1", "context": "notebook"}


def test_good_images_pass() -> None:
    pulled = {"repository": "scipy", "tag": "latest", "source": "pull", "reference": "quay.io/x:1"}
    assert problems({"images_notebooks": [GOOD, pulled]}) == []


@pytest.mark.parametrize(
    ("image", "part"),
    [
        ({**GOOD, "repository": "Leem"}, "repository 'Leem' is not a name that registries take"),
        ({**GOOD, "repository": "leem//x"}, "is not a name that registries take"),
        ({**GOOD, "tag": "-x"}, "tag '-x' is not a tag"),
        ({**GOOD, "tag": "a b"}, "tag 'a b' is not a tag"),
        ({"repository": "x", "tag": "1"}, "context is missing; name the folder"),
        ({"repository": "x", "tag": "1", "source": "pull"}, "reference is missing; name the image"),
        ({**GOOD, "reference": "y"}, "reference has no meaning with source: build"),
        ({**GOOD, "source": "pull", "reference": "y"}, "context has no meaning with source: pull"),
    ],
)
def test_each_mistake_has_its_message(image: dict, part: str) -> None:
    (message,) = problems({"images_notebooks": [GOOD | {"tag": "0"}, image]})
    assert message.startswith(f"images_notebooks[1] ({image['repository']}:{image['tag']}): ")
    assert part in message


PKCS8, SEC1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
DIGEST = "sha256:" + 64 * "a"


def signing(key: str, *also: str) -> list[str]:
    return problems({"images_notebooks": [GOOD], "images_signing_key": key, "images_sign_also": list(also)})


def test_a_key_that_signs_is_taken_and_what_is_none_is_not_repeated() -> None:
    key = Key()
    for pem in (key.pem(PKCS8), key.pem(SEC1), "\n" + key.pem(PKCS8) + "\n"):
        assert signing(pem, f"leem/analysis@{DIGEST}") == []
    wrong = [
        key.public,
        key.pem(PKCS8, b"password"),
        key.pem(PKCS8)[:-40],
        key.pem(SEC1)[30:],
        "lab.key",
        key.pem(SEC1) * 2,
    ]
    for pem in wrong:
        (said,) = signing(pem)
        assert said.startswith("images_signing_key: is no private key in PEM that is not encrypted")
        assert not any(line in said for line in pem.splitlines() if len(line) > 8 and "-----" not in line)


def test_what_else_is_signed_is_named_by_its_digest() -> None:
    also = [
        "leem/analysis:3.1",
        "leem/analysis@sha256:abc",
        f"Leem@{DIGEST}",
        f"steps@{DIGEST}",
        f"steps:1@{DIGEST}",
        "@",
    ]
    said = signing(Key().pem(PKCS8), *also)
    assert [line.partition(":")[0] for line in said] == [f"images_sign_also[{index}]" for index in (0, 1, 2, 4, 5)]
    assert all("is not REPOSITORY@sha256:DIGEST" in line for line in said)
    assert signing("", f"steps@{DIGEST}") == [
        "images_sign_also: nothing is signed without images_signing_key; write the key, or take this away"
    ]
    assert signing("") == []


def test_the_same_image_twice_is_refused() -> None:
    (message,) = problems({"images_notebooks": [GOOD, GOOD]})
    assert "is the same as images_notebooks[0]" in message
