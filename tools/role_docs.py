# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the table of inputs into each role's README from its argument spec; --check only tells if it is current."""

from __future__ import annotations

import re
import sys
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
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


def main() -> int:
    stale = []
    for spec in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        readme = spec.parents[1] / "README.md"
        old = readme.read_text(encoding="utf-8")
        new = updated(old, yaml.safe_load(spec.read_text(encoding="utf-8")))
        if old == new:
            continue
        stale.append(str(readme.relative_to(ROOT)))
        if "--check" not in sys.argv:
            readme.write_text(new, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"not current: {', '.join(stale)}; run `make docs`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
