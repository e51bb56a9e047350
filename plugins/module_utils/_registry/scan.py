# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads repositories over the API: one request per tag, and one per manifest and configuration not seen before."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .cache import Cache
from .client import RegistryClient
from .facts import Repository, Tag
from .manifest import Manifest, parse, with_config
from .protocol import RawManifest, RegistryError


def read_repositories(
    client: RegistryClient,
    names: Iterable[str],
    cache: Cache,
    now: float,
    times: Callable[[str], bool] = lambda _name: True,
) -> list[Repository]:
    """Return what is known about these repositories; ``now`` is the registry's clock (seconds since the epoch).

    ``times`` tells for a repository whether to read the configurations of its images, one request each.

    What cannot be read becomes a problem of its repository. Errors that concern the whole registry (no answer, no
    access) raise RegistryError; that a registry answers 500 for one manifest, and goes on, is none of these.
    """
    return [_Reader(client, name, cache, now, times(name)).read() for name in names]


class _Reader:
    def __init__(self, client: RegistryClient, name: str, cache: Cache, now: float, times: bool) -> None:
        self.client = client
        self.name = name
        self.cache = cache
        self.now = now
        self.times = times
        self.repository = Repository(name)

    def read(self) -> Repository:
        found = self.repository.manifests
        # With a filled cache HEAD is enough for nearly all tags; with an empty one GET saves the second request.
        reader = self.head_tag if self.cache.manifests else self.get_tag
        try:
            tags = self.client.tags(self.name)
        except RegistryError as error:
            self.note("its tags cannot be listed", error)
            return self.repository
        for tag, manifest in zip(tags, self.client.map(reader, tags), strict=True):
            if manifest is not None:
                self.repository.tags[tag] = Tag(tag, manifest.digest)
                found[manifest.digest] = manifest
        level = list(found.values())
        while level:
            children = {child for manifest in level if manifest.understood for child in manifest.children}
            wanted = {child.digest: child.uncertain for child in sorted(children) if child.digest not in found}
            level = [manifest for manifest in self.client.map(self.get_child, wanted.items()) if manifest is not None]
            found.update((manifest.digest, manifest) for manifest in level)
        self.read_leftovers()
        return self.repository

    def read_leftovers(self) -> None:
        """Find what an interrupted run was about to delete: the API lists no manifest without a tag."""
        for digest in self.cache.pending.get(self.name, ()):
            if self.client.digest(self.name, digest) is not None:
                self.repository.leftovers.add(digest)
                if (manifest := self.get_manifest(digest)) is not None:
                    self.repository.manifests[digest] = manifest

    def get_tag(self, tag: str) -> Manifest | None:
        try:
            return self.complete(self.client.manifest(self.name, tag))
        except RegistryError as error:
            self.note(f"tag {tag}", error)
            return None

    def head_tag(self, tag: str) -> Manifest | None:
        try:
            digest = self.client.digest(self.name, tag)
        except RegistryError as error:
            self.note(f"tag {tag}", error)
            return None
        if digest is None:
            self.repository.problems.append(f"tag {tag} is listed, but there is no manifest (404)")
            return None
        return self.get_manifest(digest)

    def get_child(self, child: tuple[str, bool]) -> Manifest | None:
        digest, uncertain = child
        if uncertain and self.client.is_blob(self.name, digest):
            return None
        return self.get_manifest(digest)

    def get_manifest(self, digest: str) -> Manifest | None:
        try:
            return self.cache.get(digest, self.times) or self.complete(self.client.manifest(self.name, digest))
        except RegistryError as error:
            self.note(digest, error)
            return None

    def complete(self, raw: RawManifest) -> Manifest:
        if (cached := self.cache.get(raw.digest, self.times)) is not None:
            return cached
        manifest = parse(raw)
        if self.times and manifest.has_image_config and manifest.config is not None:
            manifest = with_config(manifest, self.client.blob_json(self.name, manifest.config.digest), self.now)
        self.cache.add(manifest)
        return manifest

    def note(self, what: str, error: RegistryError) -> None:
        # 404 in the middle of a list: deleted since, or broken. Distribution answers 500 for a damaged manifest, and
        # whatever ails the registry itself shows in any other request too.
        if error.status in (401, 403, 429):
            raise error
        if error.status is None or error.status >= 500:
            self.client.ping()
        remedy = "; push it again, or delete it" if what.startswith("tag ") else ""
        self.repository.problems.append(f"{what}: {error}{remedy}")
