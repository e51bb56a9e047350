# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What YAML makes of an inventory's files without a word: keys that are there twice, and numbers that change.

YAML keeps only the last of two equal keys, so a second ``accounts_users:`` takes away everybody of the first one. It
also reads ``020001`` as octal (8193) and ``20:30`` in base 60 (1230). Once the file is read, nobody can tell any more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import yaml

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment,unused-ignore]

FOLDERS = ("group_vars", "host_vars")
ENDINGS = ("", ".yml", ".yaml", ".json")
OCTAL = re.compile(r"[-+]?0[0-7_]+")
BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
QUOTED = ("'", '"', "|", ">")
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def files(sources: Iterable[str], playbook_folders: Iterable[str]) -> list[Path]:
    """Return the YAML files of an inventory's sources, and those in group_vars and host_vars beside them."""
    found: dict[Path, None] = {}
    bases = [Path(folder) for folder in playbook_folders]
    for source in sources:
        path = Path(source)
        if path.is_dir():
            bases.append(path)
            found |= dict.fromkeys(one for one in sorted(path.iterdir()) if one.is_file() and one.suffix in ENDINGS[1:])
        elif path.is_file():
            bases.append(path.parent)
            found |= dict.fromkeys([path] if path.suffix in ENDINGS[1:] else [])
    for base in bases:
        for folder in FOLDERS:
            inside = sorted((base / folder).rglob("*")) if (base / folder).is_dir() else []
            found |= dict.fromkeys(one for one in inside if one.is_file() and one.suffix in ENDINGS)
    return [path for path in found if not path.name.startswith(".") and not path.name.endswith("~")]


def problems(texts: Mapping[str, str], inputs: Collection[str]) -> list[str]:
    """Return the problems of some files (label -> text). ``inputs`` are the names of the inputs of all roles.

    Keys are looked at everywhere, numbers below the inputs only: in other roles' variables ``0644`` may be meant.
    """
    found: list[str] = []
    tops: dict[tuple[str, ...], dict[str, tuple[str, int]]] = {}
    for label, text in texts.items():
        try:
            nodes = list(yaml.compose_all(text, Loader=Loader))
        except (yaml.YAMLError, ValueError):
            continue  # Ansible says so itself
        for node in nodes:
            found += _of_node(label, node, frozenset(inputs), below_input=False)
            group = owner_of(label)
            if group:
                found += _twice_in_a_group(label, node, inputs, tops.setdefault(group, {}))
    return found


def _of_node(label: str, node: yaml.Node | None, inputs: frozenset[str], below_input: bool) -> Iterator[str]:
    pending = [(node, below_input, "")]
    while pending:
        node, below, name = pending.pop()
        if isinstance(node, yaml.SequenceNode):
            pending += [(item, below, name) for item in reversed(node.value)]
        elif isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, _value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                line = key.start_mark.line + 1
                first = lines.get((key.tag, key.value))
                lines.setdefault((key.tag, key.value), line)
                if first is not None and key.tag != "tag:yaml.org,2002:merge":
                    yield (
                        f'{label} line {line}: "{key.value}" is there twice (first in line {first}); YAML keeps only '
                        "the last one, and everything of the first is lost; put both together under one key"
                    )
            pending += [
                (value, below or key.value in inputs, str(key.value))
                for key, value in reversed(node.value)
                if isinstance(key, yaml.ScalarNode)
            ]
        elif isinstance(node, yaml.ScalarNode) and below and node.style not in QUOTED and node.tag in NUMBERS:
            yield from _number(f"{label} line {node.start_mark.line + 1}", name, node.value)


def _number(where: str, name: str, text: str) -> Iterator[str]:
    if OCTAL.fullmatch(text):
        plain = text.replace("_", "").lstrip("+-0") or "0"
        yield (
            f"{where}: {name}: {text} is read as {int(text.replace('_', ''), 8)}, because YAML takes a number with a "
            f'leading zero for octal; write {plain}, or "{text}" in quotes where the zero belongs to it'
        )
    elif BASE_60.fullmatch(text):
        yield f'{where}: {name}: {text} is read as a number in base 60; put it in quotes: "{text}"'


def owner_of(label: str) -> tuple[str, ...]:
    """Return of whom a file below group_vars or host_vars has the variables: base, kind and name; empty elsewhere."""
    parts = Path(label).parts
    at = max((index for index, part in enumerate(parts[:-1]) if part in FOLDERS), default=-1)
    if at < 0:
        return ()
    name = parts[at + 1] if at + 2 < len(parts) else Path(parts[at + 1]).stem
    return (*parts[: at + 1], name)


def _twice_in_a_group(
    label: str, node: yaml.Node | None, inputs: Collection[str], known: dict[str, tuple[str, int]]
) -> Iterator[str]:
    for key, _value in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode) or key.value not in inputs:
            continue
        first, line = known.setdefault(key.value, (label, key.start_mark.line + 1))
        if first != label:
            yield (
                f'{label} line {key.start_mark.line + 1}: "{key.value}" is also set in {first} line {line}, for the '
                "same group or host; Ansible keeps only one of them; put both together in one file"
            )
