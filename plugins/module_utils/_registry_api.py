# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""Carries a plan out over the API, in the order that the server at hand does fastest.

Deleting by digest makes distribution read every tag of the repository. Where tags can be deleted (3.x) they go first,
so that few are left to read. On 2.8 the same is reached by moving the tags to an empty artifact ("retag", opt-in).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from ._registry_cache import Cache
from ._registry_client import OCI_MANIFEST, RegistryClient, RegistryError, digest_of
from ._registry_facts import closure
from ._registry_manifest import Manifest, parse
from ._registry_plan import TOMBSTONE, Plan, RepositoryPlan

Item = TypeVar("Item")

NO_DIGEST = "sha256:" + 64 * "0"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a registry lets this user do. ``problem``: why nothing can be deleted, or an empty text."""

    delete_tags: bool
    problem: str = ""


@dataclass(slots=True)
class Outcome:
    """What has been done so far; complete also when ``error`` says why it ended early."""

    tags: list[tuple[str, str]] = field(default_factory=list)  # repository, tag
    manifests: list[tuple[str, str]] = field(default_factory=list)  # repository, digest
    skipped: list[str] = field(default_factory=list)  # what changed since the plan, and so was left alone
    error: str = ""


def probe(client: RegistryClient, repository: str) -> Abilities:
    """Find out by two requests that can delete nothing: for a digest and a tag that do not exist."""
    path = f"/v2/{repository}/manifests/"
    answer = client.request("DELETE", path + NO_DIGEST, allow=(200, 202, 400, 401, 403, 404, 405))
    if answer.status == 405:
        unsupported = b"UNSUPPORTED" in answer.body
        why = "deleting is off (storage.delete.enabled)" if unsupported else "it is read-only, or deleting is off"
        return Abilities(False, f"{client.url}: {why}: 405")
    if answer.status in (401, 403):
        return Abilities(False, f"{client.url}: these credentials may not delete in {repository}: {answer.status}")
    answer = client.request(
        "DELETE", path + f"probe-{secrets.token_hex(16)}", allow=(200, 202, 400, 401, 403, 404, 405)
    )
    return Abilities(answer.status in (200, 202, 404))


class ApiExecutor:
    """Executes plans on one registry. ``retag`` permits the way for servers that cannot delete a tag."""

    def __init__(self, client: RegistryClient, cache: Cache, *, delete_tags: bool, retag: bool = False) -> None:
        self.client = client
        self.cache = cache
        self.delete_tags = delete_tags
        self.retag = retag
        self.outcome = Outcome()
        self._stopped = False

    def run(self, plan: Plan) -> Outcome:
        """Carry the plan out. The first error ends the work; what is left is in the journal, for the next run."""
        if plan.refusals:
            raise ValueError("; ".join(plan.refusals))
        try:
            for item in plan.repositories:
                if item.remove_tags or item.remove_manifests:
                    self._repository(item)
        except RegistryError as error:
            self.outcome.error = str(error)
        finally:
            self.cache.save()
        return self.outcome

    def _repository(self, plan: RepositoryPlan) -> None:
        spared = self._spared(plan)
        self.cache.pending[plan.name] = [digest for digest in plan.doomed if digest not in spared]
        self.cache.save()
        alone = self.delete_tags or self.retag
        if alone:
            bury = self._bury if not self.delete_tags and plan.remove_tags else None
            moved = bury(plan) if bury else self._delete_tags(plan)
            if moved:  # between the first look and now
                spared |= self._closure(plan.name, moved)
        self.outcome.skipped += [f"{plan.name}@{item} is needed by a new tag" for item in plan.doomed if item in spared]
        before = len(self.outcome.manifests)
        try:
            for group in plan.remove_manifests:
                self._each(self._delete_manifest, [(plan.name, digest) for digest in group if digest not in spared])
        finally:
            if not alone:  # then a tag goes with its digest
                deleted = {digest for _name, digest in self.outcome.manifests[before:]}
                self.outcome.tags += [(plan.name, tag) for tag, digest in plan.remove_tags if digest in deleted]
        del self.cache.pending[plan.name]

    def _spared(self, plan: RepositoryPlan) -> set[str]:
        """Return the doomed manifests that tags need which came or moved since the plan was made."""
        planned = dict(plan.remove_tags) | plan.kept
        tags = self.client.tags(plan.name)
        if self.delete_tags or self.retag:  # then each tag that goes is looked at right before it goes
            going = dict(plan.remove_tags)
            tags = [tag for tag in tags if tag not in going]
        now = zip(tags, self.client.map(lambda tag: self.client.digest(plan.name, tag), tags), strict=True)
        fresh = {digest for tag, digest in now if digest is not None and digest != planned.get(tag)}
        return self._closure(plan.name, fresh) & set(plan.doomed)

    def _closure(self, repository: str, digests: set[str]) -> set[str]:
        manifests: dict[str, Manifest] = {}
        todo = set(digests)
        while todo:
            for manifest in self.client.map(lambda digest: self._manifest(repository, digest), sorted(todo)):
                manifests[manifest.digest] = manifest
            todo = {child.digest for manifest in manifests.values() for child in manifest.children} - manifests.keys()
        return closure(digests, manifests)

    def _manifest(self, repository: str, digest: str) -> Manifest:
        return self.cache.get(digest) or parse(self.client.manifest(repository, digest))

    def _delete_tags(self, plan: RepositoryPlan) -> set[str]:
        """Delete the tags that still are where the plan saw them; return the digests of those that are not."""
        moved: set[str] = set()

        def delete(what: tuple[str, str]) -> None:
            tag, digest = what
            now = self.client.digest(plan.name, tag)
            if now is not None and now != digest:
                self.outcome.skipped.append(f"{plan.name}:{tag} was pushed anew")
                moved.add(now)
                return
            if now is not None:
                self.client.delete_manifest(plan.name, tag)
            self.outcome.tags.append((plan.name, tag))

        self._each(delete, plan.remove_tags)
        return moved

    def _delete_manifest(self, what: tuple[str, str]) -> None:
        self.client.delete_manifest(*what)
        self.outcome.manifests.append(what)

    def _bury(self, plan: RepositoryPlan) -> set[str]:
        """Move the tags to an empty artifact and delete that one: all of them are gone at once.

        Returns the digests of tags that were pushed anew meanwhile, and so stay.
        """
        config = json.dumps({"nonce": secrets.token_hex(16)}).encode()
        digest = self.client.put_blob(plan.name, config)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": TOMBSTONE, "digest": digest, "size": len(config)},
            "layers": [],
        }
        tombstone = json.dumps(document).encode()
        moved: set[str] = set()
        buried: list[tuple[str, str]] = []

        def bury(what: tuple[str, str]) -> None:
            tag, planned = what
            now = self.client.digest(plan.name, tag)
            if now is not None and now != planned:
                self.outcome.skipped.append(f"{plan.name}:{tag} was pushed anew")
                moved.add(now)
            elif now is not None:
                self.client.put_manifest(plan.name, tag, tombstone, OCI_MANIFEST)
                buried.append((plan.name, tag))

        self._each(bury, plan.remove_tags)
        self.client.delete_manifest(plan.name, digest_of(tombstone))
        self.outcome.tags += buried
        return moved

    def _each(self, function: Callable[[Item], None], items: Iterable[Item]) -> None:
        """Do something with each item in threads; after the first error nothing new is begun."""

        def guarded(item: Item) -> None:
            if self._stopped:
                return
            try:
                function(item)
            except BaseException:
                self._stopped = True
                raise

        for _result in self.client.map(guarded, items):
            pass
