# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the inputs of roles against their argument specs and names every problem with its path, index and remedy.

Ansible's own check stops a role at its first task, knows no index and never sees a misspelt variable. This one is run
once for all roles, before a host is touched.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from collections.abc import Callable, Collection, Iterable, Mapping

from ansible.module_utils.common import validation
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import cron
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _deprecated

Spec = Mapping[str, t.Any]

# Inputs that several roles share, and what they are.
SHARED_INPUTS: dict[str, str] = {
    "labserver_hosts": "pattern of the hosts that playbooks work on (default: all)",
    "labserver_bundle": "bundle on the controller from which servers without a way out are set up",
    "labserver_bundle_builder": "host on which playbooks/bundle.yml makes the bundle (default: localhost)",
    "labserver_extra_ca_certificates": "PEM files on the controller with CA certificates that the lab trusts",
    "labserver_http_proxy": "address of the proxy to the outside, http://[name:password@]host:port",
    "labserver_https_proxy": "address of the proxy for TLS, when it is another one",
    "labserver_no_proxy": "what is reached without the proxy: names, domains (.example.org), addresses, networks",
    "labserver_npm_registry": "npm registry for builds of images and for people's servers",
    "labserver_pip_index_url": "Python package index for builds of images and for people's servers",
    "labserver_registry": "host or host:port by which the lab's servers reach its registry (see docs/howto/servers.md)",
    "labserver_serial": "how many servers at a time get changes that people notice (default: 100%)",
    "labserver_secure_logging": "false shows secrets in the output, for debugging only (default: true)",
    "labserver_updates": "security updates, and the window in which the host is restarted (see docs/howto/updates.md)",
}

# Facts that a role sets for other roles: they carry its name like an input.
RESULTS = frozenset({"image_build_references", "images_pulled"})

_CONVERTERS: dict[str, Callable[[t.Any], t.Any]] = {
    "str": lambda value: validation.check_type_str(value, allow_conversion=not isinstance(value, list | dict)),
    "path": lambda value: validation.check_type_str(value, allow_conversion=not isinstance(value, list | dict)),
    "int": validation.check_type_int,
    "float": validation.check_type_float,
    "bool": validation.check_type_bool,
}
_NAMES = {
    "str": "a text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
}

_SHARED = re.compile(r"\{\{ (labserver_[a-z_]+) \| default\([^()]*\) \}\}")
_NOTHING: dict[str, t.Any] = {"list": [], "dict": {}}
SHARED_DICTIONARIES = {"updates_policy": "labserver_updates"}
"""Options whose default is a shared input but cannot say so: antsibull-docs takes no text for a dictionary."""


def shared_by(name: str, option: Spec) -> str:
    """Return the shared input that is the default of a role's option; empty where none is."""
    if name in SHARED_DICTIONARIES:
        return SHARED_DICTIONARIES[name]
    found = _SHARED.fullmatch(str(option.get("default")))
    return found.group(1) if found else ""


def nothing(option: Spec) -> t.Any:
    """Return what stands for a value that is wrong, so that no rule trips over it."""
    return _NOTHING.get(str(option.get("type")), "")


EMPTY = "is empty; give a value, or remove the line for the default"


def _is_empty(value: t.Any, option: Spec) -> bool:
    """Tell whether a line without a value stands where the default is a value: it does not mean the default."""
    return value is None and option.get("default") not in (None, "")


def _shown(value: t.Any, spec: Spec) -> str:
    if spec.get("no_log"):
        return "the value (secret)"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _where(path: str, index: int, item: t.Any) -> str:
    """Return ``path[index]``, with the item's own name where it has one."""
    name = item.get("name") if isinstance(item, Mapping) else None
    return f"{path}[{index}] (name={name})" if isinstance(name, str) else f"{path}[{index}]"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` for the known name nearest to ``name``, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def check_value(path: str, value: t.Any, spec: Spec) -> list[str]:
    """Return the problems of one value. ``spec`` is one option of an argument spec."""
    kind = spec.get("type", "str")
    if value is None:
        return [f"{path}: is empty, but a value is required"] if spec.get("required") else []
    if kind == "list":
        return _check_list(path, value, spec)
    if kind == "dict":
        return _check_dict(path, value, spec)
    return [] if kind == "raw" else _check_scalar(path, value, spec, kind)


def _check_scalar(path: str, value: t.Any, spec: Spec, kind: str) -> list[str]:
    shown = _shown(value, spec)
    if kind in ("str", "path") and isinstance(value, bool) and not spec.get("choices"):
        return [
            f"{path}: is {str(value).lower()}, which YAML also makes of {'yes and on' if value else 'no and off'}; "
            "put the text in quotes"
        ]
    try:
        converted = _CONVERTERS[kind](value)
    except (TypeError, ValueError):
        return [f"{path}: {shown} is not {_NAMES[kind]}"]
    choices = spec.get("choices")
    if choices and converted not in choices:
        return [f"{path}: {shown} is not allowed; choose one of {', '.join(map(str, choices))}"]
    return []


def _check_list(path: str, value: t.Any, spec: Spec) -> list[str]:
    if not isinstance(value, list | tuple):
        return [f"{path}: {_shown(value, spec)} is not a list"]
    element = {"type": spec.get("elements", "raw")} | {key: spec.get(key) for key in ("options", "choices", "no_log")}
    return [
        problem for index, item in enumerate(value) for problem in check_value(_where(path, index, item), item, element)
    ]


def _check_dict(path: str, value: t.Any, spec: Spec) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{path}: {_shown(value, spec)} is not a dictionary"]
    options: Mapping[str, Spec] | None = spec.get("options")
    if not options:
        return []
    problems = []
    for key in value:
        if key not in options:
            hint = suggestion(str(key), options) or f"; allowed: {', '.join(sorted(options))}"
            problems.append(f"{path}: unknown key {key!r}{hint}")
    for name, option in options.items():
        if name in value and _is_empty(value[name], option):
            problems.append(f"{path}.{name}: {EMPTY}")
        elif name in value:
            problems += check_value(f"{path}.{name}", value[name], option)
        elif option.get("required"):
            problems.append(f"{path}: {name} is missing; it is required")
    return problems


def check_spec(values: Mapping[str, t.Any], options: Mapping[str, Spec]) -> list[str]:
    """Return the problems of a role's ``values`` against the ``options`` of its argument spec."""
    problems = []
    for name, option in options.items():
        if name in values and _is_empty(values[name], option):
            problems.append(f"{name}: {EMPTY}")
        elif name in values:
            found = check_value(name, values[name], option)
            problems += found or _check_meaning(name, values[name])
        elif option.get("required"):
            problems.append(f"{name}: is not set; it is required")
    return problems


def _check_meaning(name: str, value: t.Any) -> list[str]:
    """Return the problems of a value that its type does not show, by the ending of the input's name."""
    if name.endswith("_schedule"):
        return [f"{name}: {problem}" for problem in cron.problems(str(value))]
    return []


def _nearest(name: str, owner: str | None, known: Collection[str]) -> list[str]:
    """Return the input that was probably meant. The role's name, which both begin with, makes nothing similar."""
    if owner is None:
        return difflib.get_close_matches(name, list(known), n=1, cutoff=0.85)
    prefix = f"{owner}_"
    rest = {one.removeprefix(prefix): one for one in known if one.startswith(prefix)}
    begun = [one for one in rest if one.startswith(f"{name.removeprefix(prefix)}_")]
    near = (
        begun if len(begun) == 1 else difflib.get_close_matches(name.removeprefix(prefix), list(rest), n=1, cutoff=0.7)
    )
    return [rest[one] for one in near]


def unknown_variables(names: Collection[str], specs: Mapping[str, Mapping[str, Spec]]) -> list[str]:
    """Return a problem for each variable that looks like an input of one of the roles and is none.

    ``names`` are the variables of a host, ``specs`` maps each role to the options of its argument spec. A variable is
    suspicious when it begins with a role's name and an underscore, or when it is spelt nearly like an input.
    """
    known = {option for options in specs.values() for option in options} | set(SHARED_INPUTS)
    problems = []
    for name in sorted(names):
        if name in known | RESULTS or name.startswith(("_", "ansible_", "molecule_")):
            continue
        if told := _deprecated.gone(name):
            problems.append(told)
            continue
        owner = next((role for role in sorted(specs, key=len, reverse=True) if name.startswith(f"{role}_")), None)
        if name.startswith("labserver_"):
            owner = "labserver"
        near = _nearest(name, owner, known)
        if owner is None and not near:
            continue
        hint = f"did you mean {near[0]}?" if near else "see the role's README for its inputs"
        problems.append(f"{name}: no role has an input of this name; {hint}")
    return problems
