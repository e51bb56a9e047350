# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed between two images of one repository, in words for those who choose between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .model import Changes, Entry
from .packages import Packages, normal

FIRST = (
    "python", "numpy", "scipy", "pandas", "matplotlib", "torch", "tensorflow", "jax", "scikit-learn", "jupyterlab",
    "xarray", "h5py", "scikit-image", "numba", "ipywidgets", "steps", "ipykernel", "jupyterhub",
)  # fmt: skip
"""What people ask for first; named before the others."""
NAMED = 3
LISTED = 150
ARROW = "\N{RIGHTWARDS ARROW}"


def predecessor(one: Entry, entries: Iterable[Entry]) -> tuple[str, str]:
    """Return digest and name of what an image is compared with, empty when there is nothing.

    That is what its tag stood for before, or else the newest older tag of its repository.
    """
    if one.replaces:
        return one.replaces, f"{one.repository}:{one.tag} before"
    older = [
        other
        for other in entries
        if (other.repository, other.state) == (one.repository, "ready")
        and other.digest != one.digest
        and (other.created, other.tag) < (one.created, one.tag)
    ]
    if not older:
        return "", ""
    newest = max(older, key=lambda other: (other.created, other.tag))
    return newest.digest, f"{newest.repository}:{newest.tag}"


def told(entries: Mapping[str, Entry], known: Callable[[str], Packages | None]) -> dict[str, Changes | None]:
    """Return for each tag what changed, None where that is not known."""
    found: dict[str, Changes | None] = {}
    for name, one in entries.items():
        digest, since = predecessor(one, entries.values())
        before, now = (known(digest), known(one.digest)) if digest else (None, None)
        complete = one.state == "ready" and before and now and before.python and now.python
        found[name] = between(since, before, now) if complete and before and now else None
    return found


def between(since: str, before: Packages, now: Packages) -> Changes:
    """Return what changed from one image to another."""
    old = {normal(name): version for name, version in before.python.items()}
    new = {normal(name): version for name, version in now.python.items()}
    changed = sorted((name for name in old.keys() & new.keys() if old[name] != new[name]), key=_rank)
    added, gone = sorted(new.keys() - old.keys(), key=_rank), sorted(old.keys() - new.keys(), key=_rank)
    steps = [f"{name} {old[name]} {ARROW} {new[name]}" for name in changed]
    lines = [*steps, *(f"new: {name} {new[name]}" for name in added), *(f"gone: {name} {old[name]}" for name in gone)]
    if len(lines) > LISTED:
        lines = [*lines[:LISTED], f"and {len(lines) - LISTED} more"]
    system = _system(before.system, now.system)
    summary = [
        *steps[:NAMED],
        *([f"{len(steps) - NAMED} more changed"] if len(steps) > NAMED else []),
        *([f"{len(added)} new"] if added else []),
        *([f"{len(gone)} gone"] if gone else []),
    ]
    if not summary:
        summary = [system or "the same packages"]
    return Changes(since, ", ".join(summary), [*lines, *([system] if system else [])])


def _rank(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def _system(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    updated = sum(old[name] != new[name] for name in old.keys() & new.keys())
    counts = ((updated, "updated"), (len(new.keys() - old.keys()), "new"), (len(old.keys() - new.keys()), "gone"))
    parts = [f"{count} {word}" for count, word in counts if count]
    return f"packages of the system: {', '.join(parts)}" if parts else ""
