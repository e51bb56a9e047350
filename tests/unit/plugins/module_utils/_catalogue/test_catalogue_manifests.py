# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry holds besides images for this host."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.registry import ImageError, LabRegistry
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RawManifest, RegistryError
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.catalogue_lab import Lab, sha


def image_of(config: str, kind: str = "application/vnd.oci.image.config.v1+json") -> dict[str, t.Any]:
    """The manifest of an image, or of what keeps its things like one."""
    return {"schemaVersion": 2, "config": {"mediaType": kind, "digest": config, "size": 2}, "layers": []}


class OneManifest:
    """A registry's client with one manifest."""

    def __init__(self, manifest: t.Any) -> None:
        self.body = json.dumps(manifest).encode()

    def manifest(self, repository: str, reference: str) -> RawManifest:
        return RawManifest(reference, "", self.body)

    def blob_json(self, repository: str, digest: str) -> dict[str, t.Any]:
        raise RegistryError("blob unknown", 404 if digest == sha("0") else None)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (
            {"manifests": [{"platform": {"os": "linux", "architecture": "pdp11"}, "digest": sha("1")}]},
            "kind of processor",
        ),
        ({"schemaVersion": 1, "fsLayers": []}, "no image of a container"),
        (image_of(sha("0")), "missing in the registry; push it again$"),
    ],
)
def test_what_is_no_image_for_this_host_is_told_from_a_registry_that_is_away(manifest: t.Any, reason: str) -> None:
    registry = LabRegistry({})
    registry._client = t.cast(t.Any, OneManifest(manifest))
    with pytest.raises(ImageError, match=reason):
        registry.description("notebook", sha("a"))
    registry._client = t.cast(t.Any, OneManifest(image_of(sha("2"))))
    with pytest.raises(RegistryError):
        registry.description("notebook", sha("a"))


@pytest.mark.parametrize(
    "manifest",
    [
        image_of(sha("1"), "application/vnd.cncf.helm.config.v1+json"),
        {**image_of(sha("1"), "application/vnd.oci.empty.v1+json"), "artifactType": "application/spdx+json"},
        {**image_of(sha("1")), "subject": {"digest": sha("2")}},
        {"manifests": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha("1"), "size": 3}]},
        {"manifests": []},
    ],
)
def test_charts_signatures_and_caches_are_no_images(manifest: t.Any) -> None:
    registry = LabRegistry({})
    registry._client = t.cast(t.Any, OneManifest(manifest))
    assert registry.description("notebook", sha("a")) is None


def test_what_is_no_image_is_not_listed(lab: Lab) -> None:
    lab.registry.content["notebook"] |= {
        "chart": sha("c"),
        "sha256-" + "a" * 64 + ".sig": sha("d"),
        "sha256-" + "a" * 64: sha("e"),
    }
    lab.registry.artifacts.add(sha("c"))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    assert lab.engine.pulled == ["127.0.0.1:5000/notebook@" + sha("a")]
