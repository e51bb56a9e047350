# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of images and skopeo, which knows cosign's format by a library of its own: each takes the other's.

skopeo is Debian 13's, unpacked into a folder: that of Debian 12 was built without these signatures.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t
from pathlib import Path

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.signed import verify
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.image_keys import ImageKey
from ansible_collections.labserver.jupyter.plugins.module_utils._images import sign
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import signature, signatures
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.plugin_utils._signing import Signer
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue import cosign
from cosign_key import encrypted
from cryptography.hazmat.primitives import serialization
from long_tests import long
from registry_server import RegistryServer

REPO = "leem/analysis"
KEY, OTHER = cosign.Key(), cosign.Key()
PKCS8 = serialization.PrivateFormat.PKCS8
PASSWORD = b"of the test"
pytestmark = long("soak-long")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command skopeo, with the libraries that it came with."""
    root = tmp_path_factory.mktemp("skopeo") / "root"
    command = ["setsid", "-w", "mmdebstrap", "--quiet", "--variant=extract", "--include=skopeo", "trixie", str(root)]
    subprocess.run(command, check=True, timeout=300)
    (loader,) = (root / "usr" / "lib64").glob("ld-linux-*")
    (libraries,) = (root / "usr" / "lib").glob("*-linux-gnu")
    return [str(loader), "--library-path", str(libraries), str(root / "usr" / "bin" / "skopeo")]


class Skopeo:
    """skopeo before a registry, which takes only what a key has signed."""

    def __init__(self, server: RegistryServer, folder: Path, program: list[str]) -> None:
        self.registry, self.client = images.Registry(server.url), RegistryClient(server.url, retries=0)
        self.address, self.folder, self.program = server.url.removeprefix("http://"), folder, program
        self.image = images.image("one")
        self.registry.push(REPO, self.image, "1.0")
        (folder / "registries.d").mkdir()
        (folder / "registries.d" / "all.yaml").write_text("default-docker: {use-sigstore-attachments: true}\n")

    def run(self, policy: dict[str, t.Any], *arguments: str) -> subprocess.CompletedProcess[str]:
        rules = self.folder / "policy.json"
        rules.write_text(json.dumps({"default": [policy]}))
        options = ["--policy", str(rules), "--registries.d", str(self.folder / "registries.d")]
        command = [*self.program, *options, "copy", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def fetch(self, key: cosign.Key) -> str:
        """Fetch the image if it was signed by ``key``; return what skopeo objects to, empty for nothing."""
        public = self.folder / "key.pub"
        public.write_text(key.public)
        rule = {"type": "sigstoreSigned", "keyPath": str(public), "signedIdentity": {"type": "matchRepository"}}
        target = self.folder / "fetched"
        done = self.run(rule, "--src-tls-verify=false", f"docker://{self.address}/{REPO}:1.0", f"dir:{target}")
        assert done.returncode != 0 or (target / "manifest.json").read_bytes() == self.image.body
        return done.stderr if done.returncode else ""

    def sign(self, key: cosign.Key) -> None:
        """Sign the image as a person does it."""
        der = key.private.private_bytes(serialization.Encoding.DER, PKCS8, serialization.NoEncryption())
        private, password = self.folder / "key", self.folder / "password"
        private.write_text(encrypted(der, PASSWORD))
        password.write_bytes(PASSWORD)
        there = f"docker://{self.address}/{REPO}:1.0"
        options = ["--src-tls-verify=false", "--dest-tls-verify=false", "--sign-by-sigstore-private-key", str(private)]
        done = self.run({"type": "insecureAcceptAnything"}, *options, "--sign-passphrase-file", str(password),
                        there, there)  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.fixture
def skopeo(server: RegistryServer, tmp_path: Path, program: list[str]) -> Skopeo:
    return Skopeo(server, tmp_path, program)


def signed(skopeo: Skopeo, key: cosign.Key) -> int:
    """Sign the image as the role does; return how many signatures were made."""
    signer, image = Signer(key.pem(PKCS8)), sign.Image(REPO, skopeo.image.digest, "1.0")
    found, _absent = sign.current(skopeo.client, [image])
    content = signature.payload(f"{skopeo.address}/{REPO}", image.digest)
    lacking = sign.compare([image], found, signer.made)
    sign.apply(skopeo.client, [sign.told(image, content, signer.sign(content))] if lacking else [])
    return len(lacking)


def test_skopeo_takes_what_the_role_signed(skopeo: Skopeo) -> None:
    assert "A signature was required, but no signature exists" in skopeo.fetch(KEY)
    assert signed(skopeo, OTHER) == 1
    assert re.search("cryptographic signature verification failed|invalid signature", skopeo.fetch(KEY))
    assert signed(skopeo, KEY) == 1
    assert skopeo.fetch(KEY) == ""
    assert skopeo.fetch(OTHER) == ""


def test_what_skopeo_signed_is_taken(skopeo: Skopeo) -> None:
    skopeo.sign(KEY)
    ((content, given),) = signatures.of_image(skopeo.client, REPO, skopeo.image.digest)
    assert signature.objection(content, REPO, skopeo.image.digest) == ""
    assert verify(ImageKey("lab", KEY.public), content, given)
    assert not verify(ImageKey("other", OTHER.public), content, given)
    assert signed(skopeo, KEY) == 0
    # Both beside each other, and skopeo's is still there.
    assert signed(skopeo, OTHER) == 1
    assert (skopeo.fetch(KEY), skopeo.fetch(OTHER)) == ("", "")
