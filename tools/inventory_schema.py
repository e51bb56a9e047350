# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of all roles as JSON schemas, from which editors complete and check an inventory while somebody types.

``inventory/schema/variables.json`` is for files of variables (group_vars, host_vars), ``hosts.json`` for an inventory
of hosts. Both are written by ``make docs``. They may not refuse what ``playbooks/validate.yml`` accepts, so a value may
also be a template, and a number may stand in quotes.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.labserver.jupyter.plugins.plugin_utils import _inputs

Schema = dict[str, t.Any]
Options = Mapping[str, Mapping[str, t.Any]]

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest draft that the servers of the YAML and Ansible extensions of VS Code know well."""
MODELINE = "# yaml-language-server: $schema={}"
TEMPLATE = r"\{\{|\{%"
"""A text with this in it is a template; what it makes is not known before a run."""
GROUPS: Mapping[str, str] = {
    "labserver_hubs": "Servers that have a hub. Without this group every server has one.",
    "labserver_registries": "Servers that have a registry and images. Without this group every server has one.",
    "labserver_canaries": "Servers that get changes that people notice before the others.",
    "cocalc": "Servers that run CoCalc.",
}
"""The groups of an inventory that mean something (docs/howto/servers.md)."""
_LIMITS = {
    "type": "dict",
    "description": "What they may use at most, all their servers together.",
    "options": {
        "cpu": {"type": "raw", "description": "Cores, for example 2 or 0.5."},
        "memory": {"type": "raw", "description": "Memory, for example 4G."},
        "gpus": {"type": "raw", "description": "Graphics cards at a time."},
        "pids": {"type": "raw", "description": "Processes and threads."},
        "images": {"type": "raw", "description": "Patterns of repository names, for example scientific or leem/*."},
        "servers": {"type": "raw", "description": "Servers at once, 1 to 10, which share the other limits."},
    },
}
_TEXTS = {"type": "list", "elements": "str"}
PERSON: Options = {
    "name": {"required": True, "description": "Login name at the hub."},
    "full_name": {"description": "First and last name."},
    "groups": {**_TEXTS, "description": "Groups of the lab (accounts_groups)."},
    "host_groups": {**_TEXTS, "description": "Groups of the host, such as docker, which is as good as root."},
    "admin": {"type": "bool", "description": "Administrator of the hub."},
    "uid": {"type": "int", "description": "Number of the account, where it is given and not chosen."},
    "state": {"choices": ["present", "locked", "absent"], "description": "absent archives the home."},
    "expires": {"type": "raw", "description": "Last day of access, YYYY-MM-DD."},
    "ssh_keys": {**_TEXTS, "description": "Public keys with which the person may log in to the host."},
    "shell": {"description": "Login shell on the host."},
    "limits": _LIMITS,
    "quota": {"type": "raw", "description": "Most that the home may hold, for example 50G."},
    "system_name": {"description": "Name of an existing account, if it is not jupyter-<name>."},
}
GROUP: Options = {
    "name": {"required": True, "description": "Name of the group, also on the host."},
    "gid": {"type": "int", "description": "Number of the group, where it is given and not chosen."},
    "limits": _LIMITS,
    "host_members": {**_TEXTS, "description": "Accounts of the host that are members, too."},
}
FOLDER: Options = {
    "path": {"required": True, "description": "Folder on the host, for example /srv/labserver/groups/leem."},
    "group": {"required": True, "description": "Its group (accounts_groups)."},
    "others": {"choices": ["none", "read"], "description": "What people outside the group may do."},
}
ENTRIES: Mapping[str, Options] = {
    **{f"accounts_users{of}": PERSON for of in ("", "_group", "_host")},
    **{f"accounts_groups{of}": GROUP for of in ("", "_group", "_host")},
    "accounts_shared_folders": FOLDER,
}
"""Keys of lists whose entries the core checks and the argument specs do not list; a test compares them."""
SCALARS: Mapping[str, Schema] = {
    "str": {"type": ["string", "number"]},
    "path": {"type": "string"},
    "int": {
        "type": ["integer", "string"],
        "pattern": rf"^\s*[-+]?[0-9_]+\s*$|{TEMPLATE}",
        "patternErrorMessage": "Not a whole number.",
    },
    "float": {
        "type": ["number", "string"],
        "pattern": rf"^\s*[-+]?[0-9.][0-9.eE+-]*\s*$|{TEMPLATE}",
        "patternErrorMessage": "Not a number.",
    },
    "bool": {
        "type": ["boolean", "string", "integer"],
        "pattern": rf"^([Tt]rue|[Ff]alse|[Yy]es|[Nn]o|on|off)$|{TEMPLATE}",
    },
    "dict": {"type": ["object", "string"], "pattern": TEMPLATE, "patternErrorMessage": "Not a dictionary."},
    "raw": {},
}


def words(description: str | Sequence[str]) -> str:
    """Return an Ansible description as plain text, one paragraph for each of its sentences' groups."""
    parts = [description] if isinstance(description, str) else description
    marked = [re.sub(r"\b[CVOEBIM]\(((?:\\.|[^)\\])*)\)", r"\1", part) for part in parts]
    return "\n".join(" ".join(part.replace("\\)", ")").split()) for part in marked)


def option(spec: Mapping[str, t.Any]) -> Schema:
    """Return the schema of one input: its own type, or a template that makes it."""
    found: Schema = {}
    if spec.get("description"):
        found["description"] = words(spec["description"])
    default = spec.get("default")
    if default is not None and "{{" not in json.dumps(default):
        found["default"] = default
    may_be_empty = default in (None, "") and not spec.get("required")
    return {**found, **_kind(spec, ["null"] if may_be_empty else [])}


def _kind(spec: Mapping[str, t.Any], also: list[str]) -> Schema:
    """Return what a value has to be. ``also`` are types that are allowed beside its own."""
    kind = spec.get("type", "str")
    if spec.get("choices") and kind != "list":
        return {
            "anyOf": [{"enum": [*spec["choices"], *([None] if also else [])]}, {"type": "string", "pattern": TEMPLATE}]
        }
    if kind == "list":
        element = {"type": spec.get("elements", "raw"), "required": True}
        element |= {key: spec[key] for key in ("options", "choices") if spec.get(key)}
        return {
            "type": ["array", "string", *also],
            "pattern": TEMPLATE,
            "patternErrorMessage": "Not a list.",
            "items": option(element),
        }
    found = dict(SCALARS[kind])
    if also and "type" in found:
        found["type"] = [*([found["type"]] if isinstance(found["type"], str) else found["type"]), *also]
    if kind == "dict" and spec.get("options"):
        inside: Options = spec["options"]
        found |= {
            "properties": {name: option(one) for name, one in inside.items()},
            "additionalProperties": False,
            "required": [name for name, one in inside.items() if one.get("required")],
        }
    return found


def _behind(shared: str, specs: Options) -> Schema:
    """Return the schema of the role's input whose default a shared input is; nothing where there is none."""
    return next((option(one) for name, one in specs.items() if _inputs.shared_by(name, one) == shared), {})


def variables(roles: Mapping[str, Options], shared: Mapping[str, str], results: Sequence[str] = ()) -> Schema:
    """Return the schema of a file of variables.

    ``roles`` are the options of each role, ``shared`` the inputs that several roles share (name -> meaning), and
    ``results`` names that begin like an input and are none. Other variables are free.
    """
    specs = {name: one for options in roles.values() for name, one in options.items()}
    specs |= {name: {**specs[name], "options": options} for name, options in ENTRIES.items() if name in specs}
    known = {name: option(one) for name, one in specs.items()}
    known |= {name: {**_behind(name, specs), "description": meaning} for name, meaning in shared.items()}
    prefixes = "|".join(sorted([*roles, "labserver"], key=lambda name: (-len(name), name)))
    names = "|".join(re.escape(name) for name in sorted([*known, *results]))
    return {
        "$schema": DRAFT,
        "title": "Inputs of labserver.jupyter",
        "description": "Variables of a lab, of a group or of a server.",
        "type": ["object", "null"],
        "properties": known,
        # What begins like an input and is none is a misspelt input.
        "patternProperties": {f"^(?!(?:{names})$)(?:{prefixes})_": False},
    }


def hosts(groups: Mapping[str, str]) -> Schema:
    """Return the schema of an inventory of hosts. ``groups`` are those that mean something here: name -> meaning."""
    values = {"$ref": "variables.json"}
    inside = {"$ref": "#/definitions/group"}
    # Draft 7 looks at nothing beside a $ref.
    named = {name: {"description": meaning, "allOf": [inside]} for name, meaning in groups.items()}
    return {
        "$schema": DRAFT,
        "title": "Servers of a lab",
        "description": "An inventory of Ansible for labserver.jupyter.",
        "type": "object",
        "additionalProperties": inside,
        "properties": {"all": inside} | named,
        "definitions": {
            "group": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {
                    "hosts": {
                        "description": "The servers of this group: name, and below it variables of that server alone.",
                        "type": ["object", "null"],
                        "additionalProperties": values,
                    },
                    "vars": {"description": "Variables of all servers of this group.", "allOf": [values]},
                    "children": {
                        "description": "Groups inside this one.",
                        "type": ["object", "null"],
                        "additionalProperties": inside,
                        "properties": named,
                    },
                },
            }
        },
    }


def text(schema: Schema) -> str:
    """Return the file of a schema."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
