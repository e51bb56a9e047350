# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where in an inventory's files something stands: file and line of a variable, of an entry of a list, of a key in it.

The files are read again for that, since only some releases of ansible-core keep where a value came from. Variables of
scripts, plugins and of the command line have no place here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import yaml

from ._yaml_source import FOLDERS, Loader, owner_of

MOST = 3
"""So many places of one variable are named."""
SUBJECT = re.compile(r"([a-z][a-z0-9_]*)((?:\[\d+\]|\.[A-Za-z0-9_-]+| \([^()]*\))*)")
STEPS = re.compile(r"\[(\d+)\]|\.([A-Za-z0-9_-]+)|unknown key '([^']+)'")


def with_places(problems: Iterable[str], texts: Mapping[str, str], host: str, groups: Collection[str]) -> list[str]:
    """Return the problems, each with the places of what it names in the files (label -> text) that are for a host.

    ``groups`` are those of the host.
    """
    found: dict[str, list[tuple[str, yaml.ScalarNode, yaml.Node]]] = {}
    for label, text in texts.items():
        for mapping in _variables(label, text, host, {*groups, "all"}):
            for key, value in _items(mapping):
                found.setdefault(key.value, []).append((label, key, value))
    return [_with_place(problem, found) for problem in problems]


def strangers(labels: Iterable[str], hosts: Collection[str], groups: Collection[str]) -> list[str]:
    """Return a problem for each file of variables whose host or group the inventory does not have, but one like it."""
    found = []
    for label in labels:
        owner = owner_of(label)
        if not owner:
            continue
        kind, name = owner[-2:]
        known = groups if kind == "group_vars" else hosts
        near = [] if name in known else difflib.get_close_matches(name, list(known), n=1, cutoff=0.8)
        # atlas2, when there is an atlas1, is another server and no slip.
        if near and re.sub(r"\d+", "", near[0]) != re.sub(r"\d+", "", name):
            what = "group" if kind == "group_vars" else "host"
            found.append(f"{label}: the inventory has no {what} {name}, so nobody reads this; did you mean {near[0]}?")
    return found


def _with_place(problem: str, found: Mapping[str, list[tuple[str, yaml.ScalarNode, yaml.Node]]]) -> str:
    subject = SUBJECT.match(problem)
    if subject is None or subject.group(1) not in found:
        return problem
    path, rest = subject.group(2), problem[subject.end() :]
    steps = list(STEPS.finditer(path))
    if rest.startswith(": unknown key '"):
        steps += STEPS.finditer(rest[: rest.index("'", 15) + 1])
    places = [
        f"{label} line {_deepest(key, value, steps).start_mark.line + 1}"
        for label, key, value in found[subject.group(1)]
    ]
    return f"{problem} ({' and '.join(dict.fromkeys(places[:MOST]))})"


def _deepest(key: yaml.Node, value: yaml.Node, steps: Iterable[re.Match[str]]) -> yaml.Node:
    """Return the node that the steps lead to, as far as they are in the file."""
    at = key
    for step in steps:
        index, name = step.group(1), step.group(2) or step.group(3)
        if index is not None and isinstance(value, yaml.SequenceNode) and int(index) < len(value.value):
            at = value = value.value[int(index)]
        elif index is None and isinstance(value, yaml.MappingNode):
            inside = next(((one, its) for one, its in _items(value) if one.value == name), None)
            if inside is None:
                break
            at, value = inside
        else:
            break
    return at


def _variables(label: str, text: str, host: str, groups: Collection[str]) -> Iterator[yaml.MappingNode]:
    """Yield the mappings of a file that hold variables of a host."""
    owner = owner_of(label)
    if owner and owner[-1] not in ({host} if owner[-2] == FOLDERS[1] else set(groups)):
        return
    try:
        nodes = list(yaml.compose_all(text, Loader=Loader))
    except (yaml.YAMLError, ValueError):
        return  # Ansible says so itself
    for node in nodes:
        if not isinstance(node, yaml.MappingNode):
            continue
        if owner:
            yield node
        else:
            yield from _of_groups(node, host, groups)


def _of_groups(node: yaml.MappingNode, host: str, groups: Collection[str]) -> Iterator[yaml.MappingNode]:
    """Yield the variables in an inventory of hosts. Groups and variables lie in one another."""
    for name, group in _items(node):
        for word, part in _items(group):
            if word.value == "vars" and name.value in groups and isinstance(part, yaml.MappingNode):
                yield part
            elif word.value == "children" and isinstance(part, yaml.MappingNode):
                yield from _of_groups(part, host, groups)
            elif word.value == "hosts":
                yield from (own for one, own in _items(part) if one.value == host and isinstance(own, yaml.MappingNode))


def _items(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            yield key, value
