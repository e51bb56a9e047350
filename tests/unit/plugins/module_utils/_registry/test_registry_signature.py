# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures in cosign's format: what is signed, byte for byte, and what a list that anybody may have pushed is for."""

from __future__ import annotations

import base64
import json
import re
import typing as t

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import manifest, signature
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RawManifest, digest_of
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue import cosign

DIGEST = "sha256:" + 64 * "a"
OTHER = "sha256:" + 64 * "b"


def test_what_is_signed_is_what_cosign_writes() -> None:
    assert signature.payload("127.0.0.1:5000/lab/notebook", DIGEST) == cosign.payload(
        "127.0.0.1:5000/lab/notebook", DIGEST
    )


def test_a_list_of_signatures_is_what_cosign_writes() -> None:
    contents = [cosign.payload("lab:5000/notebook", digest) for digest in (DIGEST, OTHER)]
    ours = signature.manifest([signature.layer(content, b"signature") for content in contents])
    theirs = cosign.manifest(*(cosign.layer(content, b"signature") for content in contents))
    assert ours == theirs
    assert [one.payload for one in signature.stored(ours[1])] == [digest_of(content) for content in contents]


def test_the_registry_takes_it_for_a_companion_of_its_image() -> None:
    tag = signature.tag_of(DIGEST)
    assert tag == f"sha256-{64 * 'a'}.sig"
    assert manifest.signed_digest(tag) == DIGEST
    _config, body = signature.manifest([signature.layer(b"x", b"signature")])
    assert manifest.parse(RawManifest(digest_of(body), "", body)).understood


@pytest.mark.parametrize(
    "reference",
    ["lab:5000/steps", "lab.example/steps", "localhost/steps", "127.0.0.1:5000/steps", "[fd00::1]:5000/steps", "steps",
     "lab:5000/steps:2026.11", f"lab:5000/steps@{DIGEST}", f"lab:5000/steps:1.0@{DIGEST}"],
)  # fmt: skip
def test_a_signature_is_for_a_repository_whatever_the_registry_is_called(reference: str) -> None:
    assert signature.objection(cosign.payload(reference, DIGEST), "steps", DIGEST) == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (cosign.payload("lab:5000/steps", OTHER), "another image"),
        (cosign.payload("lab:5000/steps", DIGEST.upper()), "another image"),
        (cosign.payload("lab:5000/notebook", DIGEST), r"another repository \(lab:5000/notebook\)"),
        (cosign.payload("lab:5000/people/steps", DIGEST), "another repository"),
        (cosign.payload("people/steps", DIGEST), "another repository"),  # no host: "people" is a part of the name
        (cosign.payload("", DIGEST), "another repository"),
        (cosign.payload("lab:5000/", DIGEST), "another repository"),
        (cosign.payload("lab:5000/steps", DIGEST, "atomic container signature"), "another kind"),
        (cosign.payload("lab:5000/steps", DIGEST)[:-2], "not readable"),
        (b"", "not readable"),
        (b"[]", "not readable"),
        (b"[" * 100_000, "not readable"),
        (b"\xff\xfe", "not readable"),
        (b'{"critical": null}', "not readable"),
        (b'{"critical": {"type": "cosign container image signature", "image": [], "identity": {}}}', "not readable"),
        (cosign.payload("x", DIGEST).replace(b'"x"', b"[1]"), "another repository"),
    ],
)
def test_what_is_not_about_the_image_is_refused(content: bytes, said: str) -> None:
    assert re.search(said, signature.objection(content, "steps", DIGEST))


def layers(*more: t.Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "layers": [*more]}).encode()


@pytest.mark.parametrize(
    "more",
    [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar"},
        {"mediaType": None},
        {"digest": "sha256:1"},
        {"digest": 5},
        {"size": -1},
        {"size": 0},
        {"size": "12"},
        {"size": signature.MOST_PAYLOAD_BYTES + 1},
        {"annotations": None},
        {"annotations": {}},
        {"annotations": {signature.ANNOTATION: 5}},
        {"annotations": {signature.ANNOTATION: "not base64!"}},
        {"annotations": {signature.ANNOTATION: ""}},
        {"annotations": {signature.ANNOTATION: base64.b64encode(b"x" * 73).decode()}},
        {"annotations": {signature.ANNOTATION: base64.b64encode(b"x" * 100_000).decode()}},
    ],
)
def test_what_is_no_signature_is_left_out(more: dict[str, t.Any]) -> None:
    good = cosign.layer(b"text", b"signature")
    assert [one.signature for one in signature.stored(layers({**good, **more}, good))] == [b"signature"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"layers": 1}', b'{"layers": [1]}', b"[" * 100_000, b"\xff"])
def test_what_is_no_list_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError, match="no list of signatures"):
        signature.stored(body)


def test_a_long_list_is_not_looked_at() -> None:
    one = cosign.layer(b"text", b"signature")
    assert len(signature.stored(layers(*[one] * 50))) == 50
    with pytest.raises(ValueError, match="it lists 1000 signatures; at most 50"):
        signature.stored(layers(*[one] * 1000))
