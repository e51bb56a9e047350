# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a registry holds, as plain data, and who shares which bytes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .facts import Repository, blobs_of, created, platforms


def summarise(repositories: Sequence[Repository]) -> dict[str, Any]:
    """Return repositories with their tags, sizes in bytes and times in ISO 8601.

    A tag's ``unique_bytes`` are those that no other tag of the repositories that were read needs: what its removal
    alone would set free. ``shared_bytes`` are the others.
    """
    users: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    for repository in repositories:
        for tag in repository.tags.values():
            needed = blobs_of(tag.digest, repository.manifests)
            users.update(needed.keys())
            sizes.update(needed)
    return {
        "repositories": [_repository(repository, users) for repository in repositories],
        "size_bytes": sum(sizes.values()),
    }


def _repository(repository: Repository, users: Counter[str]) -> dict[str, Any]:
    all_blobs: dict[str, int] = {}
    tags = []
    for tag in sorted(repository.tags.values(), key=lambda item: item.name):
        manifest = repository.manifests.get(tag.digest)
        needed = blobs_of(tag.digest, repository.manifests)
        all_blobs.update(needed)
        unique = sum(size for digest, size in needed.items() if users[digest] == 1)
        total = sum(needed.values())
        tags.append(
            {
                "name": tag.name,
                "digest": tag.digest,
                "media_type": manifest.media_type if manifest else "",
                "kind": manifest.kind if manifest else "unknown",
                "artifact_type": manifest.artifact_type if manifest else "",
                "subject": manifest.subject if manifest else None,
                "platforms": platforms(tag.digest, repository.manifests),
                "created": _iso(created(tag.digest, repository.manifests)),
                "pushed": _iso(tag.pushed),
                "size_bytes": total,
                "unique_bytes": unique,
                "shared_bytes": total - unique,
            }
        )
    tagged = {tag.digest for tag in repository.tags.values()}
    children = {child.digest for item in repository.manifests.values() for child in item.children}
    untagged = None if repository.revisions is None else sorted(repository.revisions.keys() - tagged - children)
    return {
        "name": repository.name,
        "tags": tags,
        "size_bytes": sum(all_blobs.values()),
        "untagged": untagged,
        "problems": repository.problems,
    }


def _iso(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
