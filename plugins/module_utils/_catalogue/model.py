# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of images that people can start: what an image's labels and the inventory say of it."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._common import exchange, words
from .._common.labels import PREFIX

SPAWNABLE = PREFIX + "spawnable"
LIMITS = {"cpu": float, "memory_bytes": int, "pids": int}


@dataclass(frozen=True)
class Found:
    """One tag in the registry, and the labels and the time of its configuration; ``problem``: why they are unknown."""

    repository: str
    tag: str
    digest: str
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    size_bytes: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Changes:
    """What changed since another image: its name, one line, and all of it line by line."""

    since: str
    summary: str
    lines: list[str]


@dataclass(frozen=True)
class Entry:
    """One image of images.json (see docs/reference/interfaces.md).

    ``replaces``: the digest that the tag stood for before, empty for a tag that was never moved.
    """

    repository: str
    tag: str
    digest: str
    reference: str
    title: str
    description: str
    created: str
    size_bytes: int
    groups: list[str] | None
    limits: dict[str, float]
    state: str
    reason: str = ""
    replaces: str = ""
    changes: Changes | None = None


def wanted(repository: str, patterns: Iterable[str]) -> bool:
    """Tell whether a repository is one that people are to see."""
    return any(fnmatch.fnmatchcase(repository, pattern) for pattern in patterns)


def spawnable(labels: Mapping[str, str]) -> bool:
    """Images are offered unless their label says ``false``: then they are not even fetched."""
    return labels.get(SPAWNABLE, "true").lower() not in ("false", "no", "0")


def _limits(labels: Mapping[str, str], override: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    limits: dict[str, float] = {}
    for key, kind in LIMITS.items():
        raw = (override.get("limits") or {}).get(key, labels.get(PREFIX + key))
        if raw is None:
            continue
        try:
            value = kind(raw)
        except (TypeError, ValueError):
            return {}, f"the label {PREFIX}{key} is not a number: {raw!r}"
        if value <= 0:
            return {}, f"the label {PREFIX}{key} is not positive: {raw!r}"
        limits[key] = value
    return limits, ""


def entry(found: Found, registry: str, override: Mapping[str, Any]) -> Entry:
    """Return the entry of a tag that was not fetched yet. What the inventory says wins over the labels."""
    labels = found.labels
    groups = override.get("groups")
    if groups is None and labels.get(PREFIX + "groups"):
        groups = [name.strip() for name in labels[PREFIX + "groups"].split(",") if name.strip()]
    limits, problem = _limits(labels, override)
    problem = found.problem or problem
    title = override.get("title") or labels.get(PREFIX + "title") or labels.get("org.opencontainers.image.title")
    description = (
        override.get("description")
        or labels.get(PREFIX + "description")
        or labels.get("org.opencontainers.image.description")
    )
    return Entry(
        repository=found.repository,
        tag=found.tag,
        digest=found.digest,
        reference=f"{registry}/{found.repository}@{found.digest}",
        title=words.clean(title or found.repository, 100),
        description=words.clean(description or "", 300),
        created=words.clean(found.created, 40),
        size_bytes=found.size_bytes,
        groups=groups,
        limits=limits,
        state="broken" if problem else "pulling",
        reason=words.clean(problem, 300),
    )


def settled(new: Entry, old: Mapping[str, Entry]) -> Entry:
    """Return the new entry with the state of the same digest, when that was tried before with the same memory."""
    known = old.get(new.reference)
    if known is None or new.state == "broken" or known.state == "pulling":
        return new
    if known.limits.get("memory_bytes") != new.limits.get("memory_bytes"):
        return new
    return dataclasses.replace(new, state=known.state, reason=known.reason)


def moved(new: Entry, before: Entry | None) -> Entry:
    """Return the new entry of a tag with what the tag stood for before."""
    if before is None:
        return new
    return dataclasses.replace(new, replaces=before.replaces if before.digest == new.digest else before.digest)


def document(entries: Iterable[Entry], updated: str, default_image: str = "") -> str:
    """Return the content of images.json. ``default_image``: repository, or repository:tag, for who chooses nothing."""
    images = sorted((dataclasses.asdict(one) for one in entries), key=lambda one: (one["repository"], one["tag"]))
    content = {"version": 1, "updated": updated, "default_image": default_image, "images": images}
    return json.dumps(content, indent=1) + "\n"


def read(text: str) -> list[Entry]:
    """Return the entries of images.json; raises ValueError, KeyError or TypeError when it is not one."""
    known = {one.name for one in dataclasses.fields(Entry)}
    found = []
    for raw in exchange.parse(text, "images.json")["images"]:
        fields = {"limits": {}, **{key: raw[key] for key in raw if key in known}}
        told = fields.get("changes")
        changes = Changes(told["since"], told["summary"], told["lines"]) if told else None
        found.append(Entry(**{**fields, "changes": changes}))
    return found


def default_of(text: str) -> str:
    """Return the default image that images.json names; raises ValueError when it is not one."""
    return str(json.loads(text).get("default_image") or "")
