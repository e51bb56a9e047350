# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects from the code every message with which it refuses something or tells of a problem.

A message is a text in one of the places where this project puts them: raised with an exception, given to ``fail_json``
or ``warn``, yielded, returned or added to a list of problems by a function that finds them, the ``msg`` of a task that
fails, and the sentences of the hub's pages. What stands there only while the program runs is shown as a word in
capitals: ``f"there is no file {path}"`` is "there is no file PATH".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CORES = ROOT / "plugins" / "module_utils"
HUB = ROOT / "roles" / "hub" / "files" / "images" / "hub" / "labhub"
LISTS = re.compile(r"problem|wrong|found|fail|error|complain|refus|fault|mistake|warning|trouble|doubt")
FINDERS = re.compile(r"problem|wrong|broken|refus|complain|mistake|judge|doubt|check|trouble|reason|lost|why|against")
PAGES = {"later", "gettext", "_", "ngettext"}
SHORTEST = 3
"""So many words of its own a message has at least; less is a part of one, or a word for a program."""


@dataclass(frozen=True)
class Message:
    """``source``: the file that says it, from the top of the collection."""

    room: str
    source: str
    text: str


def room_of(path: Path) -> str:
    """Return the room of a file: the package's name without its underscore, the role, or the hub's own package."""
    parts = path.relative_to(ROOT).parts
    if parts[:2] == ("plugins", "module_utils") and len(parts) > 3:
        return parts[2].removeprefix("_")
    if "labhub" in parts:
        return "hub"
    return parts[1] if parts[0] == "roles" else "common"


def place_of_value(node: ast.expr) -> str:
    """Return the word in capitals that stands for a value: the last name in it."""
    if isinstance(node, ast.Call):
        inner = [*node.args, node.func.value] if isinstance(node.func, ast.Attribute) else list(node.args)
        named = [place_of_value(each) for each in inner if not isinstance(each, ast.Constant)]
        return next((name for name in named if name != "..."), "...")
    if isinstance(node, ast.Attribute):
        return node.attr.strip("_").upper()
    if isinstance(node, ast.Name):
        return node.id.strip("_").upper()
    if isinstance(node, ast.Subscript):
        key = node.slice
        return key.value.upper() if isinstance(key, ast.Constant) and isinstance(key.value, str) else "..."
    return "..."


def shown(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression can be, as people read them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else place_of_value(part.value)
            for part in node.values
            if isinstance(part, ast.Constant | ast.FormattedValue)
        )
    elif isinstance(node, ast.IfExp):
        yield from shown(node.body)
        yield from shown(node.orelse)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = list(shown(node.left)) or ["..."], list(shown(node.right)) or ["..."]
        yield from (a + b for a in left for b in right)
    elif isinstance(node, ast.List | ast.Tuple):
        for item in node.elts:
            yield from shown(item)
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        yield from shown(node.elt)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from shown(value)


def name_of(node: ast.expr) -> str:
    """Return the last name of an expression, such as ``problems`` of ``self.problems``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def told(node: ast.AST, finder: bool) -> Iterator[ast.expr]:
    """Yield the expressions of one statement or call that are messages."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        yield from node.exc.args
        yield from (each.value for each in node.exc.keywords)
    elif isinstance(node, ast.Call):
        called = name_of(node.func)
        if called in ("fail_json", "warn", "AnsibleError", "AnsibleFilterError"):
            yield from (each.value for each in node.keywords if each.arg == "msg")
            yield from node.args
        elif called == "append" and isinstance(node.func, ast.Attribute) and LISTS.search(name_of(node.func.value)):
            yield from node.args
    elif isinstance(node, ast.AugAssign):
        if LISTS.search(name_of(node.target)):
            yield node.value
    elif finder and isinstance(node, ast.Return | ast.Yield) and node.value is not None:
        yield node.value


def tidy(text: str) -> str:
    """Return a message in one line."""
    return " ".join(text.split())


def is_message(text: str) -> bool:
    own = [word for word in text.split() if re.search("[a-z]", word)]
    return len(own) >= SHORTEST and text.isprintable() and text[0] not in "#-"  # a line of a file, an option


def in_python(path: Path) -> Iterator[Message]:
    """Yield the messages of a file of Python."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        many = ast.unparse(function.returns) in ("Iterator[str]", "list[str]") if function.returns else False
        finder = bool(FINDERS.search(function.name)) or (many and path.stem.endswith("input"))
        for node in ast.walk(function):
            for expression in told(node, finder):
                for text in map(tidy, shown(expression)):
                    if is_message(text):
                        yield Message(room_of(path), str(path.relative_to(ROOT)), text)


def in_pages(path: Path) -> Iterator[Message]:
    """Yield the sentences that people of the lab can read of a file of the hub's package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and name_of(node.func) in PAGES:
            for text in (tidy(text) for each in node.args for text in shown(each)):
                if is_message(text) and text.endswith("."):
                    yield Message("hub", str(path.relative_to(ROOT)), re.sub(r"\{(\w+)\}", _capitals, text))


def _capitals(match: re.Match[str]) -> str:
    return match[1].upper()


def tasks(node: object) -> Iterator[dict[str, object]]:
    """Yield all mappings below a node of YAML."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from tasks(child)


def in_tasks(path: Path) -> Iterator[Message]:
    """Yield the messages of the tasks that refuse something."""
    for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
        for module, key in (("assert", "fail_msg"), ("fail", "msg")):
            arguments = task.get(f"ansible.builtin.{module}")
            text = tidy(str(arguments.get(key, ""))) if isinstance(arguments, dict) else ""
            text = re.sub(r"\{\{\s*([\w.]+).*?\}\}", lambda match: match[1].split(".")[-1].strip("_").upper(), text)
            if is_message(text):
                yield Message(room_of(path), str(path.relative_to(ROOT)), text)


def refusals() -> list[Message]:
    """Return what runs and commands say, by room, each once."""
    found = [message for path in sorted((ROOT / "plugins").rglob("*.py")) for message in in_python(path)]
    for folder in (ROOT / "roles", ROOT / "playbooks"):
        for path in sorted(folder.rglob("*.yml")):
            if path.parent.name in ("tasks", "playbooks"):
                found += in_tasks(path)
    return once(found)


def pages() -> list[Message]:
    """Return what the hub's pages say, each once."""
    return once([message for path in sorted(HUB.rglob("*.py")) for message in in_pages(path)])


def once(messages: list[Message]) -> list[Message]:
    """Return each text of a room once, in the order in which the files have them."""
    return list({(message.room, message.text): message for message in reversed(messages)}.values())[::-1]
