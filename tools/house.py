# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the rooms of this collection from the imports that the code really has: docs/develop/house.svg and its table.

A room is a package of plugins/module_utils, a package of the hub's own code (labhub), what lies in labhub itself and
starts the hub from those packages, or one of the folders of plugins that Ansible prescribes.
``tests/project/test_house.py`` holds which room may import which.
"""

from __future__ import annotations

import argparse
import ast
import functools
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORES = Path("plugins/module_utils")
LABHUB = Path("roles/hub/files/images/hub/labhub")
COMMAND = re.compile(r'"(_[a-z_]+)\.([a-z_]+):[a-z_]+"')
"""A command of the host's program, which imports its core by this name."""
SHELLS = ("modules", "action", "filter", "plugin_utils")
# Rooms without a docstring of their own.
FOLDERS = {
    "plugins/modules": "Thin shells: documentation, parameters, one call into the core.",
    "plugins/action": "The controller's side of modules.",
    "plugins/filter": "Filters for the roles.",
    "plugins/plugin_utils": "What actions, callbacks and filters share.",
    "labhub": "Starts the hub: makes JupyterHub's configuration from the settings, tries it, runs it.",
}
OUTPUT = ROOT / "docs" / "develop"

Arrows = Sequence[tuple[str, str]]


def room_of(path: Path) -> str | None:
    """Return the room of a Python file, given relative to the root; None outside the house."""
    for base, own in ((CORES, ""), (LABHUB, "labhub")):
        if path.is_relative_to(base):
            parts = path.relative_to(base).parts
            if len(parts) > 1:
                return f"{own}/{parts[0]}" if own else parts[0]
            return (own or path.stem) if parts and path.stem != "__init__" else None
    if path.parts[0] == "plugins" and path.parts[1] in SHELLS:
        return f"plugins/{path.parts[1]}"
    return None


@functools.cache
def files() -> list[Path]:
    """Return all Python files of the house, relative to the root; links to files of other rooms are left out."""
    bases = [ROOT / CORES, ROOT / LABHUB, *(ROOT / "plugins" / shell for shell in SHELLS)]
    found = [path for base in bases for path in base.rglob("*.py") if not path.is_symlink()]
    return sorted(path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts)


def imported(path: Path) -> Iterable[Path]:
    """Yield the files and packages below the root that a file imports, also inside functions."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = path.parents[node.level - 1]
            base = base.joinpath(*(node.module or "").split(".")) if node.module else base
        elif node.module and node.module.startswith("ansible_collections.labserver.jupyter."):
            base = Path(*node.module.split(".")[3:])
        elif node.module and node.module.split(".")[0] == "labhub":
            base = LABHUB.joinpath(*node.module.split(".")[1:])
        else:
            continue
        for alias in node.names:
            yield source_of(base / alias.name) or source_of(base) or base
    for room, part in COMMAND.findall((ROOT / path).read_text(encoding="utf-8")) if path.stem == "_program" else ():
        yield CORES / room / f"{part}.py"


def source_of(name: Path) -> Path | None:
    """Return the file behind the name of a module or package, or None when it names something else."""
    for path in (name.with_suffix(".py"), name / "__init__.py"):
        if (ROOT / path).exists() and not (ROOT / path).is_symlink():
            return path
    return None


@functools.cache
def arrows() -> list[tuple[str, str]]:
    """Return who imports whom: pairs of rooms, each once."""
    found = set()
    known = rooms()
    for path in files():
        here = room_of(path)
        for target in imported(path):
            there = room_of(target)
            if here in known and there in known and here != there:
                found.add((here, there))
    return sorted((here, there) for here, there in found if here and there)


def rooms() -> list[str]:
    """Return the names of all rooms."""
    return sorted({room for room in map(room_of, files()) if room})


def floors(names: Iterable[str], links: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the rooms by floor: the ground floor imports nobody, each other floor only what lies below it.

    Raises ValueError with the names of the rooms that import each other in a circle.
    """
    below: dict[str, set[str]] = defaultdict(set)
    for here, there in links:
        below[here].add(there)
    left, result = set(names), []
    while left:
        floor = sorted(name for name in left if not below[name] & left)
        if not floor:
            raise ValueError(f"these rooms import each other in a circle: {', '.join(sorted(left))}")
        result.append(floor)
        left -= set(floor)
    return result


WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 150, 44, 18, 76, 24
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c2733 } .note { font-size: 12px; fill: #5c6b7a }
rect { fill: #f4f7fa; stroke: #8aa0b4; rx: 6 } .labhub rect { fill: #fdf3e7; stroke: #d29a4d }
.shell rect { fill: #eef6ee; stroke: #7fae80 } .arrow { fill: none; stroke: #6f879d; stroke-opacity: .75 }
marker path { fill: #6f879d }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9fb0c0 } rect { fill: #1b2530 }
.labhub rect { fill: #33270f } .shell rect { fill: #14261a } }
"""
NOTE = "Not drawn: arrows to _common, which all may import, and those of plugins/* and _program, which call all rooms."
HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker>'
)


def drawn(links: Arrows) -> list[tuple[str, str]]:
    """Return the arrows that say something: those between rooms, without what everybody does (``NOTE``)."""
    return [
        (here, there)
        for here, there in links
        if there != "_common" and here != "_program" and not here.startswith("plugins/")
    ]


def arranged(rows: Sequence[Sequence[str]], links: Arrows) -> list[list[str]]:
    """Return the floors, the ground floor first, ordered so that rooms stand above those they import."""
    place: dict[str, float] = {}
    result = []
    for row in rows:
        targets = {name: [place[there] for here, there in links if here == name] for name in row}
        middle = {name: sum(found) / len(found) if found else 0.5 for name, found in targets.items()}
        ordered = sorted(row, key=lambda name: (middle[name], name))
        place |= {name: (index + 0.5) / len(row) for index, name in enumerate(ordered)}
        result.append(ordered)
    return result


def svg(names: Sequence[str], links: Arrows) -> str:
    """Return the picture: one row a floor, who imports above whom."""
    lines = drawn(links)
    rows = list(reversed(arranged(floors(names, links), lines)))
    width = max(len(row) for row in rows) * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    height = len(rows) * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN + 24
    place: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(rows):
        start = (width - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
        for index, name in enumerate(row):
            place[name] = (start + index * (WIDTH + GAP_X), MARGIN + level * (HEIGHT + GAP_Y))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>Rooms of labserver.jupyter and who imports whom</title><style>{STYLE}</style><defs>{HEAD}</defs>",
    ]
    for here, there in lines:
        (x1, y1), (x2, y2) = place[here], place[there]
        x1, x2, y1 = x1 + WIDTH / 2, x2 + WIDTH / 2, y1 + HEIGHT
        middle = (y1 + y2) / 2
        path = f"M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
        parts.append(f'<path class="arrow" marker-end="url(#head)" d="{path}"/>')
    for name, (x, y) in place.items():
        kind = "labhub" if name.startswith("labhub") else "shell" if name.startswith("plugins/") else "core"
        parts.append(
            f'<g class="{kind}"><rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}"/>'
            f'<text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 5:g}" text-anchor="middle">{escape(name)}</text></g>'
        )
    parts.append(f'<text class="note" x="{MARGIN}" y="{height - 12}">{escape(NOTE)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def table(names: Sequence[str], links: Arrows) -> str:
    """Return the same in words: each room, what its ``__init__.py`` says of it, and whom it imports."""
    lines = ["| room | what it is | imports |", "|---|---|---|"]
    for floor in floors(names, links):
        for name in floor:
            targets = ", ".join(f"`{there}`" for here, there in links if here == name)
            lines.append(f"| `{name}` | {first_line(name)} | {targets or 'nobody'} |")
    return "\n".join(lines) + "\n"


def first_line(room: str) -> str:
    """Return the first line of a room's docstring."""
    if room in FOLDERS:
        return FOLDERS[room]
    base = LABHUB / room.removeprefix("labhub/") if room.startswith("labhub/") else CORES / room
    path = next(path for path in (ROOT / base / "__init__.py", (ROOT / base).with_suffix(".py")) if path.exists())
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the files are not current")
    check = parser.parse_args().check
    names, links = rooms(), arrows()
    wanted = {
        OUTPUT / "house.svg": svg(names, links),
        OUTPUT / "rooms.md": f"<!-- made by `make house` -->\n\n{table(names, links)}",
    }
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current: run make house")
        return bool(stale)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    print(f"{len(names)} rooms on {len(floors(names, links))} floors, {len(links)} arrows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
