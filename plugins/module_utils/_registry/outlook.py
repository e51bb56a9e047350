# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the next maintenance would free, by repository: left by each run and by the daily look, read by the status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .._common import exchange, files
from .facts import Repository, needed_blobs
from .model import Plan

PATH = "var/lib/labserver/registry/outlook.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One repository: tags and bytes that it holds, and those of them that go.

    Layers that repositories share count in each; of what goes, only what nobody else needs.
    """

    tags: int
    bytes: int
    remove_tags: int = 0
    remove_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """All repositories by name, and bytes of blobs that no repository knows any more and that go too."""

    repositories: Mapping[str, Row] = field(default_factory=dict)
    unknown_bytes: int = 0


def of_plan(plan: Plan, repositories: Sequence[Repository], garbage: Mapping[str, int], done: bool) -> Outlook:
    """Return the outlook of a plan: ``garbage`` are the blobs that come free (digest -> bytes). Pure.

    A plan that is ``done`` leaves nothing to remove, and what is left is counted.
    """
    manifests = {item.name: item.manifests for item in repositories}
    rows: dict[str, Row] = {}
    seen: set[str] = set()
    for item in plan.repositories:
        known = manifests[item.name]
        gone = dict(needed_blobs(item.doomed, known))
        free = gone.keys() & garbage.keys()
        seen |= free
        kept = known.keys() - set(item.doomed)
        tags = sum(bool(verdict.tag) for verdict in item.verdicts)
        if done:
            rows[item.name] = Row(tags - len(item.remove_tags), _size(needed_blobs(kept, known)))
        else:
            removed = sum(garbage[digest] for digest in free)
            rows[item.name] = Row(tags, _size(needed_blobs(known, known)), len(item.remove_tags), removed)
    return Outlook(rows, 0 if done else sum(size for digest, size in garbage.items() if digest not in seen))


def _size(blobs: Iterable[tuple[str, int]]) -> int:
    return sum(dict(blobs).values())


def leave(path: Path, outlook: Outlook, looked: str, free_bytes: int, refused: str = "") -> None:
    """Write the file. ``refused``: why nothing will be removed, where the guards forbid the plan. Raises OSError."""
    rows = {name: asdict(row) for name, row in sorted(outlook.repositories.items())}
    data = {
        "version": 1,
        "looked": looked,
        "refused": refused,
        "free_bytes": free_bytes,
        "unknown_bytes": outlook.unknown_bytes,
        "repositories": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, json.dumps(data, indent=1).encode() + b"\n", 0o644)


def read(root: Path) -> dict[str, Any]:
    """Return what stands in the file; nothing where there is none. Raises OSError, and ValueError for a damaged one."""
    try:
        data = exchange.parse((root / PATH).read_bytes(), f"/{PATH}")
    except FileNotFoundError:
        return {}
    try:
        fields = Row.__dataclass_fields__
        rows = {str(name): {key: int(row[key]) for key in fields} for name, row in data["repositories"].items()}
        numbers = {key: int(data[key]) for key in ("free_bytes", "unknown_bytes")}
        return {"looked": str(data["looked"]), "refused": str(data["refused"]), **numbers, "repositories": rows}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise exchange.ExchangeError(f"/{PATH} is damaged ({error!r}); labserver run registry-outlook") from error
