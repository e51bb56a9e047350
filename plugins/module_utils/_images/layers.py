# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which image is built on which, and in which order: what images have in common is stored and sent once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The folders in files/images of the role, each with the one whose image it is built on. An empty text stands for the
# lab's base image, which has nothing but the distribution's smallest set of packages.
CONTEXTS: dict[str, str] = {
    "desktop": "notebook",
    "notebook": "",
    "octave": "notebook",
    "r": "notebook",
    "scientific": "notebook",
    "scientific-gpu": "scientific",
    "steps": "",
    "teaching": "notebook",
    "vscode": "notebook",
}


@dataclass(frozen=True)
class Build:
    """An image to be built: its ``name`` in the engine, and the image that it is built on.

    ``base`` is the name of another build, ``base_reference`` an image that is pulled; with neither, the lab's base.
    """

    name: str
    context: str
    args: Mapping[str, str]
    base: str = ""
    base_reference: str = ""


def name_of(entry: Mapping[str, Any]) -> str:
    """Return how the image of an entry of ``images_notebooks`` is called in the engine, without a tag."""
    return f"labserver/{entry['repository']}/{str(entry['tag']).lower()}"


def title(entry: Mapping[str, Any]) -> str:
    """Return how an entry is called in messages and in ``base``."""
    return f"{entry.get('repository', '')}:{entry.get('tag', '')}"


def is_built(entry: Mapping[str, Any]) -> bool:
    return (entry.get("source") or "build") == "build"


def base_of(entry: Mapping[str, Any]) -> str:
    """Return what an entry says, or its folder in the collection, that it is built on; empty: on the lab's base."""
    return str(entry.get("base") or CONTEXTS.get(str(entry.get("context")), ""))


def _named(base: str, entries: Sequence[Mapping[str, Any]], asking: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the other entries that ``base`` may mean."""
    others = [entry for entry in entries if entry is not asking]
    return [entry for entry in others if title(entry) == base] or [
        entry for entry in others if entry.get("repository") == base
    ]


def _plain(context: str, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the entry whose image is that of a folder of the collection and nothing else, if there is one."""
    return next(
        (e for e in entries if is_built(e) and e.get("context") == context and not e.get("args") and not e.get("base")),
        None,
    )


def base_problem(entry: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong with ``base`` of an entry, in words; empty when it is good."""
    base = str(entry.get("base") or "")
    if not base:
        return ""
    named = _named(base, entries, entry)
    if len(named) > 1:
        tags = " or ".join(title(other) for other in named)
        return f"base {base!r} may be one of several images; write {tags}"
    if not named and base not in CONTEXTS:
        allowed = sorted({title(other) for other in entries if other is not entry} | set(CONTEXTS))
        return f"base {base!r} is no image of images_notebooks and of this collection; use one of {', '.join(allowed)}"
    return ""


def circles(entries: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the circles of entries that are built on each other, each once, as titles."""
    following = {
        title(entry): [title(other) for other in _named(str(entry.get("base") or ""), entries, entry)][:1]
        for entry in entries
    }
    found: list[list[str]] = []
    for start in following:
        way = [start]
        while (then := following.get(way[-1], [])) and then[0] not in way:
            way += then
        if then and then[0] == start and not any(start in circle for circle in found):
            found.append(way)
    return found


def order(entries: Sequence[Mapping[str, Any]]) -> list[Build]:
    """Return what has to be built for the good ``entries`` of ``images_notebooks``, each after the one it is built on.

    Images of the collection that are only built on are among them.
    """
    builds: dict[str, Build] = {}

    def add_folder(context: str) -> str:
        plain = _plain(context, entries)
        if plain is not None:
            return add(plain)
        name = f"labserver/{context}"  # entries have a part more in their names
        if name not in builds:
            below = add_folder(CONTEXTS[context]) if CONTEXTS[context] else ""
            builds[name] = Build(name, context, {}, below)
        return name

    def add(entry: Mapping[str, Any]) -> str:
        name = name_of(entry)
        if name not in builds:
            base, reference = str(entry.get("base") or ""), ""
            named = _named(base, entries, entry) if base else []
            if named and not is_built(named[0]):
                below, reference = "", str(named[0]["reference"])
            elif named:
                below = add(named[0])
            else:
                folder = base_of(entry)
                below = add_folder(folder) if folder else ""
            builds[name] = Build(name, str(entry["context"]), dict(entry.get("args") or {}), below, reference)
        return name

    for entry in _built(entries):
        add(entry)
    return list(builds.values())


def _built(entries: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in entries if is_built(entry))
