# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a plan out over the API, in the order that the server at hand does fastest.

Deleting by digest makes distribution read every tag of the repository. Where tags can be deleted (3.x) they go first,
so that few are left to read. On 2.8 the same is reached by moving the tags to empty artifacts ("retag", opt-in).
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from .cache import Cache
from .client import RegistryClient
from .facts import closure
from .manifest import Child, Manifest, parse
from .model import TOMBSTONE, Plan, RepositoryPlan
from .protocol import OCI_MANIFEST, RegistryError, digest_of

Item = TypeVar("Item")

NO_DIGEST = "sha256:" + 64 * "0"
# Moving a tag costs as much as reading some 200 in a delete. So it pays only where that many deletes each read fewer.
WORTH_MOVING = 400
TOMBSTONES = 8
FRESH_SECONDS = 30.0
"""What was read within this time is not asked for again before deleting; tags that are new since always are."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a registry lets this user do. ``problem``: why nothing can be deleted, or an empty text."""

    delete_tags: bool
    problem: str = ""


@dataclass(slots=True)
class Deleted:
    """What has been deleted so far; complete also when ``error`` says why it ended early."""

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

    def __init__(
        self,
        client: RegistryClient,
        cache: Cache,
        *,
        delete_tags: bool,
        retag: bool = False,
        read: float = float("-inf"),
    ) -> None:
        """``read``: when the reading for the plan began, by ``time.monotonic()``."""
        self.client = client
        self.read = read
        self.cache = cache
        self.delete_tags = delete_tags
        self.retag = retag
        self.deleted = Deleted()
        self._stopped = False

    def run(self, plan: Plan) -> Deleted:
        """Carry the plan out. The first error ends the work; what is left is in the journal, for the next run."""
        if plan.refusals:
            raise ValueError("; ".join(plan.refusals))
        try:
            for item in plan.repositories:
                if item.remove_tags or item.remove_manifests:
                    self._repository(item)
        except RegistryError as error:
            self.deleted.error = str(error)
        finally:
            self.cache.save()
        return self.deleted

    def _repository(self, plan: RepositoryPlan) -> None:
        moving = self._moving(plan)
        spared = self._spared(plan, {tag for tag, _digest in moving})
        self.cache.pending[plan.name] = [digest for digest in plan.doomed if digest not in spared]
        self.cache.save()
        # What came between the first look and now.
        spared |= self._closure(
            plan.name, self._delete_tags(plan, moving) if self.delete_tags else self._bury(plan, moving)
        )
        self.deleted.skipped += [f"{plan.name}@{item} is needed by a new tag" for item in plan.doomed if item in spared]
        before = len(self.deleted.manifests)
        try:
            for group in plan.remove_manifests:
                self._each(self._delete_manifest, [(plan.name, digest) for digest in group if digest not in spared])
        finally:  # other tags go with their digest
            deleted = {digest for _name, digest in self.deleted.manifests[before:]}
            left = [item for item in plan.remove_tags if item not in moving]
            self.deleted.tags += [(plan.name, tag) for tag, digest in left if digest in deleted]
        del self.cache.pending[plan.name]

    def _moving(self, plan: RepositoryPlan) -> Collection[tuple[str, str]]:
        """Return the tags that go before their digests do."""
        if self.delete_tags:
            return dict.fromkeys(plan.remove_tags)
        if not self.retag:
            return ()
        if len(plan.doomed) >= WORTH_MOVING:
            return dict.fromkeys(plan.remove_tags)
        doomed = set(plan.doomed)
        return dict.fromkeys(item for item in plan.remove_tags if item[1] not in doomed)

    def _spared(self, plan: RepositoryPlan, moving: set[str]) -> set[str]:
        """Return the doomed manifests that tags need which came or moved since the plan was made.

        Tags that are ``moving`` are looked at right before they go.
        """
        planned = dict(plan.remove_tags) | plan.kept
        tags = [tag for tag in self.client.tags(plan.name) if tag not in moving]
        if time.monotonic() - self.read < FRESH_SECONDS:  # longer than deleting itself takes, it is not known anyway
            tags = [tag for tag in tags if tag not in planned]
        now = zip(tags, self.client.map(lambda tag: self.client.digest(plan.name, tag), tags), strict=True)
        fresh = {digest for tag, digest in now if digest is not None and digest != planned.get(tag)}
        return self._closure(plan.name, fresh) & set(plan.doomed)

    def _closure(self, repository: str, digests: set[str]) -> set[str]:
        manifests: dict[str, Manifest] = {}
        children: list[Child] = []
        todo = set(digests)
        while todo:
            for manifest in self.client.map(lambda digest: self._manifest(repository, digest), sorted(todo)):
                manifests[manifest.digest] = manifest
            children = [child for manifest in manifests.values() for child in manifest.children]
            todo = {child.digest for child in children if not child.uncertain} - manifests.keys()
        return closure(digests, manifests) | {child.digest for child in children if child.uncertain}

    def _manifest(self, repository: str, digest: str) -> Manifest:
        return self.cache.get(digest, complete=False) or parse(self.client.manifest(repository, digest))

    def _delete_tags(self, plan: RepositoryPlan, moving: Iterable[tuple[str, str]]) -> set[str]:
        """Delete the tags that still are where the plan saw them; return the digests of those that are not."""
        moved: set[str] = set()

        def delete(what: tuple[str, str]) -> None:
            tag, digest = what
            now = self.client.digest(plan.name, tag)
            if now is not None and now != digest:
                self.deleted.skipped.append(f"{plan.name}:{tag} was pushed again")
                moved.add(now)
                return
            if now is not None:
                self.client.delete_manifest(plan.name, tag)
            self.deleted.tags.append((plan.name, tag))

        self._each(delete, moving)
        return moved

    def _delete_manifest(self, what: tuple[str, str]) -> None:
        self.client.delete_manifest(*what)
        self.deleted.manifests.append(what)

    def _bury(self, plan: RepositoryPlan, moving: Collection[tuple[str, str]]) -> set[str]:
        """Move the tags to a few empty artifacts and delete those: the tags go with them.

        Returns the digests of tags that were pushed again meanwhile, and so stay.
        """
        moved: set[str] = set()
        buried: dict[str, list[tuple[str, str]]] = {}
        if not moving:
            return moved
        tombstones = self._tombstones(plan.name, len(moving))

        def bury(what: tuple[int, tuple[str, str]]) -> None:
            number, (tag, planned) = what
            now = self.client.digest(plan.name, tag)
            if now is not None and now != planned:
                self.deleted.skipped.append(f"{plan.name}:{tag} was pushed again")
                moved.add(now)
            elif now is not None:
                body = tombstones[number % len(tombstones)]
                self.client.put_manifest(plan.name, tag, body, OCI_MANIFEST)
                buried.setdefault(digest_of(body), []).append((plan.name, tag))

        def delete(digest: str) -> None:
            self.client.delete_manifest(plan.name, digest)
            self.deleted.tags += buried[digest]

        self._each(bury, enumerate(moving))
        self._each(delete, list(buried))
        return moved

    def _tombstones(self, repository: str, tags: int) -> list[bytes]:
        """Return the artifacts for so many tags: a server removes the tags of one artifact one after the other."""
        config = json.dumps({"nonce": secrets.token_hex(16)}).encode()
        digest = self.client.put_blob(repository, config)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": TOMBSTONE, "digest": digest, "size": len(config)},
            "layers": [],
        }
        count = min(TOMBSTONES, 1 + tags // 100)
        return [json.dumps({**document, "annotations": {"part": str(part)}}).encode() for part in range(count)]

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
