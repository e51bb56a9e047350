# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of labhub import each other only in the directions that its docstring names."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import labhub
from hub_package import shared_files

ROOT = Path(labhub.__file__).parent
MODULES = {
    "labhub." + str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
    if path != ROOT / "__init__.py"
}


def allowed() -> dict[str, set[str]]:
    """Return the table of the docstring: package -> packages that it may import."""
    lines = re.findall(r"^    (\w+) +\(imports (.*?)\) ", labhub.__doc__ or "", re.MULTILINE)
    return {name: set(re.findall(r"\w+", others)) - {"nothing"} for name, others in lines}


def imported(path: Path, module: str) -> Iterator[str]:
    """Yield the full names of what a module imports from labhub, wherever in the file the import stands."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "labhub")
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found = importlib.util.resolve_name(base, package) if node.level else base
            if found.split(".")[0] == "labhub":
                yield from (f"{found}.{name.name}" for name in node.names)


def test_the_docstring_names_every_package_and_no_circle() -> None:
    table = allowed()
    assert set(table) == {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert table["words"] == set() and table["exchange"] == {"words"}
    assert table["guard"] == {"exchange", "servers"}
    assert all(names <= set(table) for names in table.values())
    list(TopologicalSorter(table).static_order())  # raises CycleError


def test_packages_import_only_what_the_docstring_allows() -> None:
    table, wrong, seen = allowed(), [], 0
    for module, path in MODULES.items():
        own = module.split(".")[1]
        for name in imported(path, module):
            other = name.split(".")[1]
            seen += 1
            if own in table and other != own and other not in table[own]:
                wrong.append(f"{module} imports {name}")
    assert seen > 50, "the imports are found at all"
    assert wrong == []


def test_every_module_can_be_imported_on_its_own() -> None:
    for module in MODULES:
        if not module.endswith("__main__"):
            importlib.import_module(module)


def test_shared_files_need_only_the_standard_library() -> None:
    """They run here below another name than in the plugins, and in the image without the other plugins."""
    for file in shared_files().values():
        nodes = [
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert nodes, file
        assert not any(isinstance(node, ast.ImportFrom) and node.level for node in nodes), f"{file}: relative import"
        names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes}
        assert {str(name).split(".")[0] for name in names} <= sys.stdlib_module_names, file
