# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What manifests said, kept by digest: content that is named by its hash is never out of date.

The file also keeps a journal of manifests that a run was about to delete, so that the next run can finish the work of
one that was interrupted: the API shows nobody a manifest without a tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._common import files
from .manifest import Blob, Child, Manifest

VERSION = 2


class Cache:
    """Manifests by digest, and the journal (repository -> digests). Without a path it lives in memory only."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.manifests: dict[str, Manifest] = {}
        self.pending: dict[str, list[str]] = {}
        if path is not None:
            self._load(path)

    def get(self, digest: str, complete: bool = True) -> Manifest | None:
        """Return a manifest that has been read before; ``complete``: with the configuration of the image."""
        found = self.manifests.get(digest)
        return found if found is None or found.complete or not complete else None

    def add(self, manifest: Manifest) -> None:
        """Keep a manifest."""
        if manifest.complete or manifest.digest not in self.manifests:
            self.manifests[manifest.digest] = manifest

    def save(self, keep: set[str] | None = None) -> None:
        """Write the file, whole or not at all; of the manifests only ``keep`` when it is given."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(self.path, 0o600) as stream:
            for line in self._lines(keep):
                stream.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def _lines(self, keep: set[str] | None) -> Iterator[Any]:
        yield {"version": VERSION, "pending": self.pending}
        for digest, manifest in self.manifests.items():
            if keep is None or digest in keep:
                yield to_row(manifest)

    def _load(self, path: Path) -> None:
        # A cache that cannot be read costs time, never truth: start anew.
        try:
            with path.open(encoding="utf-8") as stream:
                head = json.loads(stream.readline())
                if head.get("version") != VERSION:
                    return
                self.pending = {str(name): [str(item) for item in digests] for name, digests in head["pending"].items()}
                for line in stream:
                    manifest = from_row(json.loads(line))
                    self.manifests[manifest.digest] = manifest
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            self.manifests.clear()


def to_row(manifest: Manifest) -> list[Any]:
    """Return a manifest as a list for JSON."""
    return [
        manifest.digest,
        manifest.media_type,
        manifest.size,
        manifest.kind,
        manifest.config,
        manifest.config_type,
        manifest.layers,
        manifest.children,
        manifest.subject,
        manifest.artifact_type,
        manifest.platform,
        manifest.created,
        manifest.complete,
    ]


def from_row(row: list[Any]) -> Manifest:
    """Return the manifest of :func:`to_row`."""
    digest, media_type, size, kind, config, config_type, layers, children, subject, *rest = row
    artifact_type, platform, created, complete = rest
    return Manifest(
        digest,
        media_type,
        size,
        kind,
        Blob(*config) if config else None,
        config_type,
        tuple(Blob(*layer) for layer in layers),
        tuple(Child(*child) for child in children),
        subject,
        artifact_type,
        platform,
        created,
        bool(complete),
    )
