# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``compose_app`` that an argument spec cannot express."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN_FILES = (".env", "labserver.override.json", ".labserver.json")


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem in the role's variables, each with path, index and name."""
    found: list[str] = []
    names: dict[str, int] = {}
    for index, app in enumerate(inputs.get("compose_app_apps") or []):
        name = str(app.get("name", ""))
        where = f"compose_app_apps[{index}] (name={name})"
        if not NAME.fullmatch(name):
            found.append(f'{where}: name "{name}" is not a valid project name; use small letters, digits, - and _')
        if name in names:
            found.append(f"{where}: the name is also used by compose_app_apps[{names[name]}]; give each app its own")
        names.setdefault(name, index)
        if app.get("state", "present") == "present":
            found += source_problems(where, app)
        found += secret_problems(where, app)
        found += other_problems(where, app)
    return found


def source_problems(where: str, app: Mapping[str, Any]) -> list[str]:
    found = []
    files = app.get("files") or {}
    if not (app.get("folder") or app.get("definition") or files):
        return [f"{where}: nothing to run; give folder, files or definition"]
    if app.get("definition") and "compose.yaml" in files:
        found.append(f"{where}: both definition and files write compose.yaml; give one of them")
    compose_files = app.get("compose_files") or ["compose.yaml"]
    if not app.get("folder"):
        known = {*files, *(["compose.yaml"] if app.get("definition") else [])}
        found += [
            f'{where}: compose_files names "{path}", which is not among the files; add it to files'
            for path in compose_files
            if path not in known
        ]
    for path in [*files, *compose_files]:
        parts = PurePosixPath(str(path))
        if parts.is_absolute() or ".." in parts.parts or ":" in str(path) or not parts.name:
            found.append(f'{where}: "{path}" has to be a path inside the project folder, without .. and colons')
        elif str(path) in OWN_FILES or parts.parts[0] == "secrets":
            found.append(f'{where}: "{path}" is written by the role itself; use environment or secrets')
    return found


def secret_problems(where: str, app: Mapping[str, Any]) -> list[str]:
    found = []
    seen = set()
    for index, secret in enumerate(app.get("secrets") or []):
        name = str(secret.get("name", ""))
        place = f"{where}: secrets[{index}] (name={name})"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            found.append(f"{place}: the name has to begin with a letter or digit and go on with letters, digits, _ . -")
        if name in seen:
            found.append(f"{place}: the name is given twice")
        seen.add(name)
        mode = str(secret.get("mode", "0600"))
        if not re.fullmatch(r"0?[0-7]{3}", mode):
            found.append(f'{place}: mode "{mode}" is not an octal mode in quotes; for example "0600" or "0444"')
        if not 16 <= int(secret.get("length", 32)) <= 512:
            found.append(f"{place}: length has to be from 16 to 512 bytes")
        variable = str(secret.get("environment") or "")
        if variable and not VARIABLE.fullmatch(variable):
            found.append(f'{place}: environment "{variable}" is not a valid variable name')
        if variable and variable in (app.get("environment") or {}):
            found.append(f'{place}: environment "{variable}" is also set by the app; remove it there')
    return found


def other_problems(where: str, app: Mapping[str, Any]) -> list[str]:
    found = [
        f'{where}: environment "{name}" is not a valid variable name; use letters, digits and _'
        for name in app.get("environment") or {}
        if not VARIABLE.fullmatch(str(name))
    ]
    health = app.get("health") or {}
    if health and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", str(health.get("url", ""))):
        found.append(f'{where}: health.url "{health.get("url")}" is not an address; for example http://127.0.0.1:8090/')
    for service, networks in (app.get("networks") or {}).items():
        if not isinstance(networks, (list, tuple)) or not all(NAME.fullmatch(str(network)) for network in networks):
            found.append(f"{where}: networks.{service} has to be a list of network names")
    for path in app.get("backup_paths") or []:
        if not PurePosixPath(str(path)).is_absolute():
            found.append(f'{where}: backup_paths "{path}" has to be an absolute path')
    found += [
        f"{where}: {name} {app[name]} is not a numeric id; give a number from 0 to 4294967294"
        for name in ("data_uid", "data_gid")
        if app.get(name) is not None and not 0 <= int(app[name]) <= 4294967294
    ]
    if int(app.get("wait_seconds", 300)) < 1:
        found.append(f"{where}: wait_seconds has to be at least 1")
    return found
