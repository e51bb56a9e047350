# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role writes, without a host: the content of its tasks, rendered by Ansible from the role's own variables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from paths import ROOT

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19
    trust_as_template = None

LOADER = DataLoader()
HOST_FACTS: dict[str, Any] = {
    "inventory_hostname": "lab1",
    "groups": {"all": ["lab1"]},
    "group_names": ["ungrouped"],
    "playbook_dir": str(ROOT / "playbooks"),
    "ansible_facts": {},
}


@cache
def _loaded(path: Path) -> Any:
    """Return a YAML file as Ansible reads it: its texts are templates that may be rendered."""
    if not path.exists():
        return None
    # Since ansible-core 2.19 only what is said to be trusted is a template.
    trust = {"trusted_as_template": True} if trust_as_template else {}
    return LOADER.load_from_file(str(path), cache="none", **trust)


def templar(role: str, **variables: Any) -> Templar:
    """Return what renders texts of a role with its defaults and variables; ``variables`` win over both."""
    folder = ROOT / "roles" / role
    known = [_loaded(folder / name / "main.yml") or {} for name in ("defaults", "vars")]
    return Templar(LOADER, variables={**HOST_FACTS, **known[0], **known[1], "role_path": str(folder), **variables})


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all mappings of a YAML document, the outer ones first."""
    if isinstance(value, Mapping):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _mappings(item)


def _tasks(role: str) -> Iterator[Mapping[str, Any]]:
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        yield from _mappings(_loaded(path))


def written(role: str, path: str, **variables: Any) -> bytes:
    """Return the content that a role writes to ``path``, by whichever task has it as ``path`` or ``dest``.

    Raises LookupError when no task of the role does.
    """
    render = templar(role, **variables)
    for item in _tasks(role):
        place = item.get("path") or item.get("dest")
        if not isinstance(place, str) or _rendered(render, place) != path:
            continue
        if item.get("content"):
            return _bytes(render.template(item["content"]))
        if str(item.get("src", "")).endswith(".j2"):
            return _template(render, ROOT / "roles" / role / "templates" / item["src"])
    raise LookupError(f"no task of the role {role} writes {path}")


def argument(role: str, module: str, name: str, **variables: Any) -> Any:
    """Return the argument ``name`` with which a role calls a module. Raises LookupError when it does not."""
    for item in _tasks(role):
        given = item.get(f"labserver.jupyter.{module}")
        if isinstance(given, Mapping) and name in given:
            return templar(role, **variables).template(given[name])
    raise LookupError(f"the role {role} does not call {module} with {name}")


def _rendered(render: Templar, text: str) -> Any:
    """Return a rendered path; None for one that depends on what only a run knows."""
    try:
        return render.template(text)
    except AnsibleError:
        return None


def _template(render: Templar, path: Path) -> bytes:
    text = path.read_text(encoding="utf-8")
    if trust_as_template is None:
        return _bytes(render.template(text, convert_data=False))
    return _bytes(render.template(trust_as_template(text)))


def _bytes(rendered: Any) -> bytes:
    """Return a rendered text as bytes; older releases of Ansible make data of a text that looks like it."""
    return (rendered if isinstance(rendered, str) else json.dumps(rendered)).encode()
