# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what follows from the argument specs of the roles; with --check only tells whether all of it is current.

That is the table of inputs in each role's README, a commented file with all inputs of the role in the example
inventory, and the JSON schemas from which editors complete and check an inventory.
"""

from __future__ import annotations

import re
import sys
import textwrap
import typing as t
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
# Makes the checkout importable as the collection.
import collection  # noqa: F401  # pylint: disable=unused-import
import inventory_schema
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _inputs

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "inventory" / "schema"
BEGIN, END = "<!-- begin generated: inputs -->", "<!-- end generated: inputs -->"


def text(description: str | list[str]) -> str:
    """Return an Ansible description as one line of Markdown."""
    joined = " ".join([description] if isinstance(description, str) else description)
    joined = re.sub(r"\b[CVOE]\(((?:\\.|[^)\\])*)\)", r"`\1`", joined)
    joined = re.sub(r"\bB\(([^)]*)\)", r"**\1**", joined)
    joined = re.sub(r"\bM\(([^)]*)\)", r"`\1`", joined)
    return " ".join(joined.split()).replace("|", "\\|").replace("\\)", ")")


def default(option: dict[str, t.Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    value = option["default"]
    shown = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip().removesuffix("...").strip()
    return f"`{shown}`".replace("|", "\\|")


def rows(options: dict[str, t.Any], prefix: str = "") -> list[str]:
    lines = []
    for name, option in options.items():
        kind = option.get("type", "str")
        kind = f"list of {option['elements']}" if kind == "list" and "elements" in option else kind
        choices = f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}." if "choices" in option else ""
        lines.append(
            f"| `{prefix}{name}` | {kind} | {default(option)} | {text(option.get('description', ''))}{choices} |"
        )
        suffix = "[]." if kind.startswith("list") else "."
        lines += rows(option.get("options") or {}, f"{prefix}{name}{suffix}")
    return lines


def section(spec: dict[str, t.Any]) -> str:
    """Return the generated part of a README: the entry points with their inputs."""
    parts = []
    for entry, point in spec["argument_specs"].items():
        title = "## Inputs" if entry == "main" else f"## Inputs of `tasks_from: {entry}`"
        parts.append(f"{title}\n\n{text(point.get('description', point.get('short_description', '')))}\n")
        if point.get("options"):
            table = ["| input | type | default | meaning |", "|---|---|---|---|", *rows(point["options"])]
            parts.append("\n".join(table) + "\n")
    return "\n".join(parts)


def updated(readme: str, spec: dict[str, t.Any]) -> str:
    """Return the README with its generated part renewed; raise ValueError when the markers are missing."""
    if BEGIN not in readme or END not in readme:
        raise ValueError(f"the lines {BEGIN} and {END} are missing")
    head, rest = readme.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    return f"{head}{BEGIN}\n{section(spec)}{END}{tail}"


def plain(description: str | list[str]) -> str:
    """Return an Ansible description as plain text."""
    return re.sub(r"\\\|", "|", re.sub(r"`|\*\*", "", text(description)))


def example(role: str, spec: dict[str, t.Any]) -> str:
    """Return the file of the example inventory that names every input of a role, commented out with its default."""
    point = spec["argument_specs"]["main"]
    head = f"Inputs of the role {role} with their defaults. {plain(point.get('short_description', ''))}."
    lines = [
        "---",
        inventory_schema.MODELINE.format("../../../schema/variables.json"),
        f"# {head} Uncomment what you change.",
        "# (Generated; what a key of a list means is in the role's README.)",
    ]
    for name, option in point.get("options", {}).items():
        choices = f" One of {', '.join(str(choice) for choice in option['choices'])}." if "choices" in option else ""
        lines += [
            "",
            *textwrap.wrap(
                plain(option.get("description", "")) + choices, 116, initial_indent="# ", subsequent_indent="# "
            ),
        ]
        value = option.get("default")
        style = None if isinstance(value, list | dict) else False
        value = yaml.safe_dump({name: value}, default_flow_style=style, width=100, sort_keys=False)
        lines += [f"# {line}" for line in value.rstrip().splitlines()]
    return "\n".join(lines) + "\n"


def generated() -> dict[Path, str]:
    """Return the files that follow from the specs, and what they have to hold."""
    files = {}
    roles = {}
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        role = path.parents[1]
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        roles[role.name] = spec["argument_specs"]["main"].get("options") or {}
        readme = role / "README.md"
        files[readme] = updated(readme.read_text(encoding="utf-8"), spec)
        files[ROOT / "inventory" / "example" / "group_vars" / "all" / f"inputs_{role.name}.yml"] = example(
            role.name, spec
        )
    variables = inventory_schema.variables(roles, _inputs.SHARED_INPUTS, sorted(_inputs.RESULTS))
    files[SCHEMAS / "variables.json"] = inventory_schema.text(variables)
    files[SCHEMAS / "hosts.json"] = inventory_schema.text(inventory_schema.hosts(inventory_schema.GROUPS))
    return files


def main() -> int:
    stale = [
        (path, content)
        for path, content in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    if "--check" in sys.argv and stale:
        print(f"not current: {', '.join(str(path.relative_to(ROOT)) for path, _content in stale)}; run `make docs`")
        return 1
    for path, content in stale:
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
