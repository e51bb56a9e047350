# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed images in a real registry, pushed without any code of the collection, to what the catalogue offers."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.registry import LabRegistry
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.service import Service
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.signed import Signed
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue import cosign
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.catalogue_lab import FakeEngine
from registry_server import RegistryServer

REPO = "leem/analysis"
KEY = cosign.Key()
MANIFEST = images.OCI + "manifest.v1+json"


class Lab:
    """A registry and the catalogue before it, with one key."""

    def __init__(self, server: RegistryServer, folder: Path) -> None:
        self.plain = images.Registry(server.url)
        self.settings: dict[str, t.Any] = {
            "registry": server.url.removeprefix("http://"), "plain_http": True, "output": str(folder / "images.json"),
            "image_keys": [{"name": "lab-2026", "key": KEY.public}],
        }  # fmt: skip
        self.engine, self.said = FakeEngine(), list[str]()
        self.registry = LabRegistry(self.settings)
        self.service = Service(
            self.settings, self.registry, t.cast(t.Any, self.engine), credentials=lambda: ("puller", "secret"),
            say=self.said.append, signed=Signed.of_settings(self.settings, self.said.append),
        )  # fmt: skip

    def sign(self, digest: str, *layers: dict[str, t.Any], blobs: t.Sequence[bytes] = ()) -> None:
        config, body = cosign.manifest(*layers)
        thing = images.Thing(MANIFEST, body, [config, *blobs])
        self.plain.push(REPO, thing, digest.replace(":", "-") + ".sig")

    def reasons(self) -> dict[str, str]:
        """Look once; return why each tag is not offered, empty where it is."""
        self.service.round()
        found = json.loads(Path(self.settings["output"]).read_text())["images"]
        assert all((one["state"] == "ready") == (not one["reason"]) for one in found)
        return {one["tag"]: one["reason"] for one in found}


@pytest.fixture
def lab(server: RegistryServer, tmp_path: Path) -> Lab:
    return Lab(server, tmp_path)


UNSIGNED = "it is not signed by any of: lab-2026"


def test_signed_images_are_offered_and_others_not(lab: Lab) -> None:
    one, two = images.image("one"), images.image("two", layers=("two",))
    both = images.index("both", [images.image("three", layers=("three",)), images.image("four", layers=("four",))])
    both.body = both.body.replace(b'"a0"', b'"amd64"')
    for tag, thing in (("one", one), ("two", two), ("both", both)):
        lab.plain.push(REPO, thing, tag)
    assert lab.reasons() == {"one": UNSIGNED, "two": UNSIGNED, "both": UNSIGNED}
    content = cosign.payload(f"{lab.settings['registry']}/{REPO}", one.digest)
    lab.sign(one.digest, cosign.layer(content, KEY.sign(content)), blobs=[content])
    # Of an image for several processors, the list of them is signed.
    listed = cosign.payload(f"registry.example.org/{REPO}", both.digest)
    lab.sign(both.digest, cosign.layer(listed, KEY.sign(listed)), blobs=[listed])
    # The signature of the first, under the tag of the second.
    lab.sign(two.digest, cosign.layer(content, KEY.sign(content)), blobs=[content])
    lied = f"{UNSIGNED}; it has others: it is for another image (by lab-2026)"
    assert lab.reasons() == {"one": "", "both": "", "two": lied}
    assert sorted(lab.engine.pulled) == sorted(
        f"{lab.settings['registry']}/{REPO}@{thing.digest}" for thing in (one, both)
    )


def test_what_anybody_may_push_takes_neither_memory_nor_time(lab: Lab) -> None:
    """Nor does it stop the catalogue: a registry that cannot be asked is one thing, an odd signature another."""
    huge, good = b"\0" * (200 << 10), b""
    content = cosign.payload("lab:5000/x", "sha256:" + 64 * "0")
    layer = cosign.layer(content, KEY.sign(content))
    told: dict[str, str] = {}
    for number in range(4):
        thing = images.image(f"odd {number}", layers=(f"odd {number}",))
        lab.plain.push(REPO, thing, f"odd-{number}")
        # Its size is said to be small.
        lab.sign(thing.digest, {**cosign.layer(huge, b"signature"), "size": 100}, blobs=[huge])
        told[f"odd-{number}"] = f"{UNSIGNED}; it has others: it is not readable"
    for tag, layers in (
        ("large", [{**cosign.layer(huge, b"signature")}]),
        ("long", [{**layer, "annotations": {**layer["annotations"], "n": str(n)}} for n in range(1000)]),
    ):
        thing = images.image(tag, layers=(tag,))
        lab.plain.push(REPO, thing, tag)
        lab.sign(thing.digest, *layers, blobs=[huge, content])
    told |= {
        "large": UNSIGNED,
        "long": f"{UNSIGNED}; it has others: it lists 1000 signatures; at most 50 are looked at",
    }
    good = cosign.payload(f"lab:5000/{REPO}", images.image("good").digest)
    lab.plain.push(REPO, images.image("good"), "good")
    lab.sign(images.image("good").digest, cosign.layer(good, KEY.sign(good)), blobs=[good])
    before = lab.registry.client().requests
    assert lab.reasons() == {**told, "good": ""}
    first = lab.registry.client().requests - before
    lab.reasons()
    assert lab.registry.client().requests - before - first < first, "what is bad was read again"


def test_a_list_whose_text_is_gone_is_not_believed(lab: Lab, server: RegistryServer) -> None:
    """It was lost on the registry's disk; somebody may sign again."""
    thing = images.image("one")
    lab.plain.push(REPO, thing, "one")
    content = cosign.payload(f"lab:5000/{REPO}", thing.digest)
    lab.sign(thing.digest, cosign.layer(content, KEY.sign(content)), blobs=[content])
    hexadecimal = images.sha256(content).partition(":")[2]
    blob = server.store / f"docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"
    blob.unlink()
    assert lab.reasons() == {"one": f"{UNSIGNED}; it has others: it is not readable"}
