# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client of the OCI distribution API, on the standard library alone.

It speaks Basic and Bearer, follows ``Link`` pages and redirects, repeats what is safe to repeat, and never believes a
body whose digest is not the one that was asked for.

    with RegistryClient("http://127.0.0.1:5000", username="puller", password=secret) as registry:
        for repository in registry.repositories():
            for tag in registry.tags(repository):
                manifest = registry.manifest(repository, tag)      # .digest, .media_type, .body
                config = registry.blob_json(repository, config_digest)

``manifest.parse`` tells what a manifest refers to. A client may be shared by threads;
:meth:`Session.map` runs a function over many items in threads of its own.
"""

from __future__ import annotations

import time
import urllib.parse
from email.utils import parsedate_to_datetime
from typing import Any

from .protocol import (
    ACCEPT,
    DOCKER_SCHEMA1,
    MAX_BLOB_BYTES,
    MAX_MANIFEST_BYTES,
    RawManifest,
    RegistryError,
    digest_of,
    is_digest,
)
from .session import Session, json_object


class RegistryClient(Session):
    """One registry: what it holds, and what can be written to it."""

    def ping(self, retries: int | None = None) -> float:
        """Check that the registry answers and lets these credentials in; return its clock (seconds since the epoch)."""
        answer = self.request("GET", "/v2/", retries=retries)
        try:
            return parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return time.time()

    def repositories(self) -> list[str]:
        """Return the names of all repositories, those without a tag included, in the registry's order."""
        try:
            pages = list(self.pages("/v2/_catalog?n=1000"))
        except RegistryError as error:
            if error.status != 400:  # a registry with a lower limit
                raise
            pages = list(self.pages("/v2/_catalog"))
        return [name for page in pages for name in page.get("repositories") or []]

    def some_repository(self) -> str | None:
        """Return the name of one repository, None when there is none."""
        answer = self.request("GET", "/v2/_catalog?n=1", retries=0)
        return next(iter(json_object(answer.body, self.url).get("repositories") or []), None)

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository, sorted; an empty or unknown repository has none."""
        try:
            # Without n: distribution 2.8 ignores it, others refuse large ones. A Link is followed all the same.
            pages = list(self.pages(f"/v2/{repository}/tags/list"))
        except RegistryError as error:
            if error.status == 404:
                return []
            raise
        return sorted({tag for page in pages for tag in page.get("tags") or []})

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag or digest by HEAD, None when there is no such manifest."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("HEAD", path, headers={"Accept": ACCEPT}, allow=(200, 404))
        if answer.status == 404:
            return None
        digest = answer.headers.get("docker-content-digest", "")
        # The header is optional in the specification.
        return digest if is_digest(digest) else self.manifest(repository, reference).digest

    def manifest(self, repository: str, reference: str) -> RawManifest:
        """Return a manifest by tag or digest. Raises RegistryError (404: there is none; None: a wrong body)."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("GET", path, headers={"Accept": ACCEPT}, limit=MAX_MANIFEST_BYTES)
        expected = reference if is_digest(reference) else answer.headers.get("docker-content-digest", "")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        if media_type == DOCKER_SCHEMA1 and is_digest(expected):
            return RawManifest(expected, media_type, answer.body)  # its digest leaves the signatures out
        digest = digest_of(answer.body, expected)
        if expected and digest != expected:
            raise RegistryError(f"GET {self.url}{path}: the body has the digest {digest}, not {expected}")
        return RawManifest(digest, media_type, answer.body)

    def blob(self, repository: str, digest: str, limit: int = MAX_BLOB_BYTES) -> bytes:
        """Return a blob of at most ``limit`` bytes, its digest verified."""
        path = f"/v2/{repository}/blobs/{digest}"
        body = self.request("GET", path, limit=limit).body
        if (actual := digest_of(body, digest)) != digest:
            raise RegistryError(f"GET {self.url}{path}: the body has the digest {actual}")
        return body

    def blob_json(self, repository: str, digest: str) -> dict[str, Any]:
        """Return a blob that is a JSON object, such as the configuration of an image."""
        return json_object(self.blob(repository, digest), f"{self.url}/v2/{repository}/blobs/{digest}")

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Return the size of a blob in bytes by HEAD, None when it is not there."""
        answer = self.request("HEAD", f"/v2/{repository}/blobs/{digest}", allow=(200, 404))
        return None if answer.status == 404 else int(answer.headers.get("content-length", 0))

    def is_blob(self, repository: str, digest: str) -> bool:
        """Whether a digest is a layer or configuration of the repository; a manifest is none."""
        return self.blob_size(repository, digest) is not None

    # Writing

    def delete_manifest(self, repository: str, reference: str) -> bool:
        """Delete by digest (takes every tag on it along) or by tag (3.x); False when it was gone already."""
        path = f"/v2/{repository}/manifests/{reference}"
        return self.request("DELETE", path, allow=(200, 202, 404)).status != 404

    def put_manifest(self, repository: str, reference: str, body: bytes, media_type: str) -> None:
        """Store a manifest under a tag or its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        self.request("PUT", path, headers={"Content-Type": media_type}, body=body, allow=(201,))

    def put_blob(self, repository: str, body: bytes) -> str:
        """Upload a small blob in one piece and return its digest; nothing is sent when it is there already."""
        digest = digest_of(body)
        if self.blob_size(repository, digest) is not None:
            return digest
        start = f"/v2/{repository}/blobs/uploads/"
        location = self.here(self.request("POST", start, body=b"", allow=(202,)).headers.get("location", ""), start)
        location += ("&" if "?" in location else "?") + urllib.parse.urlencode({"digest": digest})
        self.request("PUT", location, headers={"Content-Type": "application/octet-stream"}, body=body, allow=(201,))
        return digest
