# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images are signed in a real registry. What is left there is read and verified by python3-cryptography."""

from __future__ import annotations

import base64
import json
import typing as t
from pathlib import Path

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._images import sign
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import signature
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.plugin_utils._signing import Signer
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue import cosign
from cryptography.hazmat.primitives import serialization
from registry_server import RegistryServer
from test_modules import run

REPO = "leem/analysis"
KEY, NEW = cosign.Key(), cosign.Key()
PKCS8 = serialization.PrivateFormat.PKCS8


class Lab:
    """A registry with one image, and its signatures."""

    def __init__(self, server: RegistryServer) -> None:
        self.registry, self.client = images.Registry(server.url), RegistryClient(server.url, retries=0)
        self.address = server.url.removeprefix("http://")
        self.image = images.image("one")
        self.registry.push(REPO, self.image, "1.0")
        self.named = sign.Image(REPO, self.image.digest, "1.0")
        self.tag = self.image.digest.replace(":", "-") + ".sig"

    def sign(self, key: cosign.Key = KEY) -> int:
        """Sign as the action does it, without Ansible; return how many signatures were made."""
        signer = Signer(key.pem(PKCS8))
        found, _absent = sign.current(self.client, [self.named])
        content = signature.payload(f"{self.address}/{REPO}", self.image.digest)
        lacking = sign.compare([self.named], found, signer.made)
        sign.apply(self.client, [sign.told(image, content, signer.sign(content)) for image in lacking])
        return len(lacking)

    def layers(self) -> list[dict[str, t.Any]]:
        """Return the layers of the signatures, each whole."""
        self.registry.pull(REPO, self.tag)
        _status, _headers, body = self.registry.call("GET", f"/v2/{REPO}/manifests/{self.tag}", Accept=images.ACCEPT)
        found: list[dict[str, t.Any]] = json.loads(body)["layers"]
        return found

    def good(self, layer: dict[str, t.Any], key: cosign.Key = KEY) -> bool:
        _status, _headers, content = self.registry.call("GET", f"/v2/{REPO}/blobs/{layer['digest']}")
        assert content == cosign.payload(f"{self.address}/{REPO}", self.image.digest)
        return key.made(content, base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"]))


@pytest.fixture
def lab(server: RegistryServer) -> Lab:
    return Lab(server)


def test_ansible_signs_once_and_shows_no_key(lab: Lab, tmp_path: Path) -> None:
    """The image that the registry does not have is passed over."""
    password, gone = tmp_path / "password", "sha256:" + 64 * "0"
    password.write_text("secret\n")
    pem = KEY.pem(PKCS8)
    arguments = {
        "registry": lab.address, "username": "pusher", "password_file": str(password), "signing_key": pem,
        "images": [{"repository": REPO, "digest": lab.image.digest, "tag": "1.0"},
                   {"repository": REPO, "digest": lab.image.digest, "tag": "again"},
                   {"repository": REPO, "digest": gone}],
    }  # fmt: skip
    printed = ""
    results = []
    for flags in (["--check", "--diff"], ["--diff"], []):
        result, said = run("images_sign", "-vvv", *flags, **arguments)
        results.append(result)
        printed += said
        if flags == ["--check", "--diff"]:
            assert lab.registry.tags(REPO) == ["1.0"]
    assert [result["changed"] for result in results] == [True, True, False]
    expected = [{"what": "sign", "name": f"{REPO}:1.0"}]
    assert [result["actions"] for result in results] == [expected, expected, []]
    assert results[1]["diff"] == {"before": "", "after": f"sign {REPO}:1.0\n"}
    assert all(result["absent"] == [{"repository": REPO, "digest": gone}] for result in results)
    (layer,) = lab.layers()
    assert lab.good(layer)
    config, body = cosign.manifest(layer)
    _status, headers, _body = lab.registry.call("HEAD", f"/v2/{REPO}/manifests/{lab.tag}", Accept=images.ACCEPT)
    assert headers["docker-content-digest"] == images.sha256(body), "not as cosign writes it"
    assert lab.registry.call("HEAD", f"/v2/{REPO}/blobs/{images.sha256(config)}")[0] == 200
    for line in pem.splitlines()[1:-1]:
        assert line not in printed, "the key is in the output"


def test_ansible_tells_of_a_bare_host_and_of_a_bad_key(tmp_path: Path) -> None:
    new = [{"repository": REPO, "digest": "", "tag": tag} for tag in ("2.0", "3.0")]
    arguments = {
        "registry": "127.0.0.1:1", "username": "pusher", "password_file": str(tmp_path / "none"), "images": new,
        "signing_key": KEY.pem(serialization.PrivateFormat.TraditionalOpenSSL),
    }  # fmt: skip
    promised, _said = run("images_sign", "--check", **arguments)
    assert [one["name"] for one in promised["actions"]] == [f"{REPO}:2.0", f"{REPO}:3.0"]
    refused, _said = run("images_sign", **{**arguments, "signing_key": KEY.public})
    assert refused["msg"].startswith(
        "signing_key: is no private key of ECDSA on the curve P-256 in PEM; make keys with"
    )


def test_signatures_of_others_stay_and_do_not_count(lab: Lab) -> None:
    stranger = cosign.Key()
    content = cosign.payload(f"elsewhere:5000/{REPO}", lab.image.digest)
    theirs = cosign.layer(content, stranger.sign(content), note="theirs")
    elsewhere = cosign.payload("lab:5000/other", lab.image.digest)
    ours_elsewhere = cosign.layer(elsewhere, KEY.sign(elsewhere))
    config, body = cosign.manifest(theirs, ours_elsewhere)
    thing = images.Thing(images.OCI + "manifest.v1+json", body, [config, content, elsewhere])
    lab.registry.push(REPO, thing, lab.tag)
    assert (lab.sign(), lab.sign()) == (1, 0)
    assert lab.layers()[:2] == [theirs, ours_elsewhere]
    assert lab.good(lab.layers()[2])
    # Two keys, while one takes the other's place.
    assert (lab.sign(NEW), lab.sign(NEW), lab.sign()) == (1, 0, 0)
    assert [lab.good(layer) for layer in lab.layers()[2:]] == [True, False]
    assert lab.good(lab.layers()[3], NEW)


def test_what_is_no_list_of_signatures_is_not_overwritten(lab: Lab) -> None:
    lab.registry.push(REPO, images.Thing(images.OCI + "index.v1+json", b'{"schemaVersion":2,"manifests":[]}'), lab.tag)
    said = f"{REPO}:1.0: .* cannot be used: it is no list of signatures; delete the tag {lab.tag} of {REPO} in the"
    with pytest.raises(sign.SignError, match=said):
        lab.sign()


def test_more_signatures_than_are_looked_at_are_not_made(lab: Lab) -> None:
    content = cosign.payload(f"{lab.address}/{REPO}", lab.image.digest)
    config, body = cosign.manifest(*(cosign.layer(content, NEW.sign(content)) for _count in range(50)))
    lab.registry.push(REPO, images.Thing(images.OCI + "manifest.v1+json", body, [config, content]), lab.tag)
    with pytest.raises(sign.SignError, match="it has 50 signatures, and more than 50 are not looked at; delete"):
        lab.sign()


def test_a_signature_whose_text_was_lost_is_made_anew(lab: Lab, server: RegistryServer) -> None:
    lab.sign()
    hexadecimal = lab.layers()[0]["digest"].partition(":")[2]
    (server.store / f"docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data").unlink()
    assert lab.sign() == 1
    (layer,) = lab.layers()
    assert lab.good(layer)


def test_a_registry_that_does_not_answer_is_told(lab: Lab, server: RegistryServer) -> None:
    server.stop()
    with pytest.raises(sign.SignError, match=f"{REPO}:1.0: its signatures cannot be read: "):
        lab.sign()
