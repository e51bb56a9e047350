# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that can be spawned, as the catalogue service lists them in ``images.json``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .roster import Person
from .text import clean

LONGEST_TITLE, LONGEST_WORDS = 100, 500
MOST_LINES = 200
REFERENCE = re.compile(r"[a-z0-9.:-]+/[a-z0-9][a-z0-9._/-]*@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Changes:
    """What changed in an image since another: the other's name, one line, and all of it line by line."""

    since: str
    summary: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """One tag of the lab's registry. ``reference`` names its digest, so what is chosen is what runs."""

    repository: str
    tag: str
    digest: str
    reference: str
    title: str
    description: str = ""
    created: str = ""
    size_bytes: int = 0
    groups: tuple[str, ...] | None = None
    state: str = "ready"
    reason: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    changes: Changes | None = None

    @property
    def name(self) -> str:
        """What people and configuration call it."""
        return f"{self.repository}:{self.tag}"

    def allowed_for(self, person: Person) -> bool:
        """Tell whether the person may start this image, by its groups and by the image patterns of the person."""
        if self.groups is not None and not set(self.groups) & set(person.groups):
            return False
        patterns = person.limits.images
        return patterns is None or any(fnmatch.fnmatchcase(self.repository, pattern) for pattern in patterns)


def _changes(raw: Mapping[str, Any] | None) -> Changes | None:
    if raw is None:
        return None
    lines = tuple(clean(line, LONGEST_WORDS) for line in raw["lines"][:MOST_LINES])
    return Changes(clean(raw["since"], LONGEST_TITLE), clean(raw["summary"], LONGEST_WORDS), lines)


def parse_images(document: Mapping[str, Any]) -> tuple[Image, ...]:
    """Return all images of a document, also those that are not ready."""
    images = []
    for raw in document["images"]:
        if raw.get("state", "ready") == "ready" and not REFERENCE.fullmatch(raw["reference"]):
            raise ValueError(f"image reference {raw['reference']!r} does not name a digest")
        groups = raw.get("groups")
        images.append(
            Image(
                repository=raw["repository"],
                tag=raw["tag"],
                digest=raw["digest"],
                reference=raw["reference"],
                title=clean(raw.get("title") or raw["repository"], LONGEST_TITLE),
                description=clean(raw.get("description") or "", LONGEST_WORDS),
                created=raw.get("created") or "",
                size_bytes=int(raw.get("size_bytes") or 0),
                groups=None if groups is None else tuple(groups),
                state=raw.get("state", "ready"),
                reason=clean(raw.get("reason") or "", LONGEST_WORDS),
                limits={key: float(value) for key, value in (raw.get("limits") or {}).items()},
                changes=_changes(raw.get("changes")),
            )
        )
    return tuple(images)
