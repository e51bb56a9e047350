# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known about the repositories of a registry, by whatever way it was read, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .manifest import INDEX, Manifest


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag. ``pushed``: when it was last pushed (seconds since the epoch), where that can be known."""

    name: str
    digest: str
    pushed: float | None = None


@dataclass(slots=True)
class Repository:
    """A repository. ``problems`` are reasons not to remove anything here.

    ``manifests`` holds at least all that the tags need; on the store every revision. ``revisions`` (only on the store)
    maps each revision to the time it was last pushed. ``leftovers``: manifests that an interrupted run left behind.
    """

    name: str
    tags: dict[str, Tag] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    revisions: dict[str, float] | None = None
    leftovers: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def closure(roots: Iterable[str], manifests: Mapping[str, Manifest]) -> set[str]:
    """Return the digests of ``roots`` and of all that their indexes list, however deep."""
    found: set[str] = set()
    todo = list(roots)
    while todo:
        digest = todo.pop()
        if digest in found:
            continue
        found.add(digest)
        if (manifest := manifests.get(digest)) is not None:
            todo.extend(child.digest for child in manifest.children if not child.uncertain or child.digest in manifests)
    return found


def levels(digests: set[str], manifests: Mapping[str, Manifest]) -> list[list[str]]:
    """Return ``digests`` in groups: what lists others before these, and subjects before what refers to them.

    Deleting group by group never leaves an index without a child that it names.
    """
    before: dict[str, list[str]] = {digest: [] for digest in digests}
    for digest in digests:
        if (manifest := manifests.get(digest)) is None:
            continue
        for child in manifest.children:
            if child.digest in before:
                before[child.digest].append(digest)
        if manifest.subject in before:
            before[digest].append(manifest.subject)
    groups: list[list[str]] = []
    left = dict(before)
    while left:
        group = sorted(digest for digest, first in left.items() if not any(other in left for other in first))
        group = group or sorted(left)  # a circle is impossible among hashes, but not among lies
        groups.append(group)
        for digest in group:
            del left[digest]
    return groups


def created(digest: str, manifests: Mapping[str, Manifest]) -> float | None:
    """Return when an image was built; for an index, when the last of its images was. Attestations do not count."""
    best: float | None = None
    seen: set[str] = set()
    todo = [digest]
    while todo:
        current = todo.pop()
        manifest = manifests.get(current)
        if manifest is None or current in seen:
            continue
        seen.add(current)
        if manifest.created is not None and (best is None or manifest.created > best):
            best = manifest.created
        todo.extend(child.digest for child in manifest.children if not child.attestation)
    return best


def platforms(digest: str, manifests: Mapping[str, Manifest]) -> list[str]:
    """Return the platforms of an image or of the images of an index, such as ``linux/amd64``."""
    names: set[str] = set()
    for current in closure([digest], manifests):
        manifest = manifests.get(current)
        if manifest is None:
            continue
        names.update(child.platform for child in manifest.children if child.platform and not child.attestation)
        if manifest.kind != INDEX and manifest.platform and current == digest:
            names.add(manifest.platform)
    return sorted(names)


def blobs_of(digest: str, manifests: Mapping[str, Manifest]) -> dict[str, int]:
    """Return digest -> size of all that pulling ``digest`` completely transfers, the manifests themselves included."""
    sizes: dict[str, int] = {}
    for current in closure([digest], manifests):
        manifest = manifests.get(current)
        if manifest is not None:
            sizes[current] = manifest.size
            sizes.update(manifest.blobs)
    return sizes


def size_of(digest: str, manifests: Mapping[str, Manifest]) -> int:
    """Return the bytes of all that pulling ``digest`` completely transfers."""
    return sum(blobs_of(digest, manifests).values())


def needed_blobs(digests: Iterable[str], manifests: Mapping[str, Manifest]) -> Iterator[tuple[str, int]]:
    """Yield digest and size of the manifests and their blobs (with repetitions)."""
    for digest in digests:
        manifest = manifests.get(digest)
        if manifest is not None:
            yield digest, manifest.size
            yield from manifest.blobs
