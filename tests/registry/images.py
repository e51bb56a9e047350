# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, pushes and pulls images, indexes, signatures and artifacts without any code of the collection."""

from __future__ import annotations

import hashlib
import http.client
import json
import urllib.parse
from dataclasses import dataclass, field
from datetime import UTC, datetime

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
ACCEPT = ", ".join(
    (
        OCI + "index.v1+json",
        OCI + "manifest.v1+json",
        DOCKER + "distribution.manifest.list.v2+json",
        DOCKER + "distribution.manifest.v2+json",
    )
)


def sha256(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


@dataclass
class Thing:
    """A manifest with its blobs and the manifests that have to be pushed before it."""

    media_type: str
    body: bytes
    blobs: list[bytes] = field(default_factory=list)
    children: list[Thing] = field(default_factory=list)

    @property
    def digest(self) -> str:
        return sha256(self.body)

    def descriptor(self, **more: object) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **more}

    def everything(self) -> set[str]:
        """Digests of all that a pull of this needs."""
        found = {self.digest, *(sha256(blob) for blob in self.blobs)}
        return found.union(*(child.everything() for child in self.children))


def iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


def image(
    name: str,
    *,
    created: str | None = "2026-01-01T00:00:00Z",
    layers: tuple[str, ...] = ("base",),
    docker: bool = False,
    subject: Thing | None = None,
    artifact_type: str = "",
) -> Thing:
    config: dict[str, object] = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"name": name}}}
    if created is not None:
        config["created"] = created
    blobs = [json.dumps(config).encode(), *(f"layer {layer}".encode() * 5 for layer in layers)]
    kind = DOCKER + "distribution.manifest.v2+json" if docker else OCI + "manifest.v1+json"
    config_type = DOCKER + "container.image.v1+json" if docker else OCI + "config.v1+json"
    layer_type = DOCKER + "image.rootfs.diff.tar.gzip" if docker else OCI + "layer.v1.tar"
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": config_type, "digest": sha256(blobs[0]), "size": len(blobs[0])},
        "layers": [{"mediaType": layer_type, "digest": sha256(blob), "size": len(blob)} for blob in blobs[1:]],
    }
    if subject is not None:
        document["subject"] = subject.descriptor()
    if artifact_type:
        document["artifactType"] = artifact_type
    return Thing(kind, json.dumps(document).encode(), blobs)


def index(name: str, children: list[Thing], *, docker: bool = False, attestations: int = 0) -> Thing:
    """An index; its last ``attestations`` children describe the others."""
    kind = DOCKER + "distribution.manifest.list.v2+json" if docker else OCI + "index.v1+json"
    entries = []
    for number, child in enumerate(children):
        entry = child.descriptor(platform={"architecture": f"a{number}", "os": "linux"})
        if number >= len(children) - attestations:
            entry["platform"] = {"architecture": "unknown", "os": "unknown"}
            entry["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
        entries.append(entry)
    document: dict[str, object] = {"schemaVersion": 2, "mediaType": kind, "manifests": entries}
    if not docker:
        document["annotations"] = {"name": name}
    return Thing(kind, json.dumps(document).encode(), [], children)


class Registry:
    """A plain client for the tests: one connection, no retries, every byte checked."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.address = urllib.parse.urlsplit(url).netloc
        self.connection = http.client.HTTPConnection(self.address, timeout=30)
        self.headers = headers or {}

    def call(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
            self.connection.close()
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def push_blob(self, repository: str, blob: bytes) -> None:
        digest = sha256(blob)
        if self.call("HEAD", f"/v2/{repository}/blobs/{digest}")[0] == 200:
            return
        status, headers, body = self.call("POST", f"/v2/{repository}/blobs/uploads/", b"")
        assert status == 202, (status, body)
        location = urllib.parse.urlsplit(headers["location"])
        target = f"{location.path}?{location.query}&digest={digest}"
        status, _headers, body = self.call("PUT", target, blob, Content_Type="application/octet-stream")
        assert status == 201, (status, body)

    def push(self, repository: str, thing: Thing, tag: str = "") -> str:
        for child in thing.children:
            self.push(repository, child)
        for blob in thing.blobs:
            self.push_blob(repository, blob)
        path = f"/v2/{repository}/manifests/{tag or thing.digest}"
        status, _headers, body = self.call("PUT", path, thing.body, Content_Type=thing.media_type)
        assert status == 201, (status, body)
        return thing.digest

    def tags(self, repository: str) -> list[str]:
        status, _headers, body = self.call("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(body)["tags"] or []) if status == 200 else []

    def has(self, repository: str, reference: str) -> bool:
        return self.call("HEAD", f"/v2/{repository}/manifests/{reference}", Accept=ACCEPT)[0] == 200

    def pull(self, repository: str, reference: str) -> set[str]:
        """Fetch a manifest with all children and blobs; return their digests. Raises AssertionError."""
        status, headers, body = self.call("GET", f"/v2/{repository}/manifests/{reference}", Accept=ACCEPT)
        assert status == 200, f"{repository}:{reference}: {status} {body!r}"
        found = {sha256(body)}
        assert headers["docker-content-digest"] in found
        document = json.loads(body)
        for child in document.get("manifests", []):
            found |= self.pull(repository, child["digest"])
        for blob in [*([document["config"]] if "config" in document else []), *document.get("layers", [])]:
            status, _headers, content = self.call("GET", f"/v2/{repository}/blobs/{blob['digest']}")
            assert status == 200, f"{repository}: blob {blob['digest']}: {status}"
            assert sha256(content) == blob["digest"], f"{repository}: blob {blob['digest']}: {len(content)} bytes"
            found.add(blob["digest"])
        return found
