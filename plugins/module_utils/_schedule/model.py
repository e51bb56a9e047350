# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a job is: the checked input of the module schedule and of the files below jobs.d. All pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import cron

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST_NAME = 48  # as long as anybody wants in a file name

ALERTS = ("warning", "critical", "never")


SERVICES = frozenset({"catalogue", "hub-network", "notebooks", "usage-watch"})
"""Names of units that roles install. A job's unit would be written in their place, or removed with the job's."""


@dataclass(frozen=True)
class Job:
    """One thing that a server does regularly.

    ``schedule`` is a word or five cron fields, times are seconds, ``alert`` is the mildest level somebody hears of.
    """

    name: str
    command: tuple[str, ...]
    schedule: str = "daily"
    description: str = ""
    container: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 3600
    jitter_seconds: int = 120
    at_boot: bool = False
    catch_up: bool = True
    alert: str = "warning"
    fields: str = ""  # the five cron fields that ``schedule`` means on this host


def problems(items: Sequence[Mapping[str, Any]], label: str = "jobs") -> list[str]:
    """Every mistake of a list of jobs, each with its index and name, what is allowed and what to do."""
    found: list[str] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        name = str(item.get("name", ""))
        where = f"{label}[{index}] (name={name})"
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            found.append(
                f"{where}: the name is not made of a-z, 0-9 and single hyphens (at most {LONGEST_NAME} characters);"
                " cron skips files with other characters without a word"
            )
        if name in seen:
            found.append(f"{where}: the name is also that of {label}[{seen[name]}]; give each job a name of its own")
        seen.setdefault(name, index)
        if name in SERVICES:
            found.append(
                f"{where}: a service of this collection has the unit labserver-{name}.service, which a job of this name"
                " would take away; give the job another name"
            )
        if item.get("state", "present") == "absent":
            continue
        found.extend(f"{where}: {problem}" for problem in _problems_of(item))
    return found


def _problems_of(item: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    command = item.get("command") or []
    if isinstance(command, str) or not command or not all(isinstance(word, str) and word for word in command):
        found.append("command is not a list of words; give for instance [/usr/local/sbin/labserver, renew]")
    elif any("\0" in word for word in command):
        found.append("command has a NUL character; take it out")
    elif not item.get("container") and not command[0].startswith("/"):
        found.append(f'command begins with "{command[0]}"; give the full path, cron has a short PATH')
    found += [f"schedule {problem}" for problem in cron.problems(str(item.get("schedule") or "daily"))]
    for key, low in (("timeout_seconds", 1), ("jitter_seconds", 0)):
        value = item.get(key)
        if value is not None and int(value) < low:
            found.append(f"{key} is {value}; give a whole number from {low}")
    container = item.get("container") or ""
    if container and not CONTAINER.fullmatch(container):
        found.append(f'container "{container}" is not the name of a container')
    for variable in item.get("environment") or {}:
        if not VARIABLE.fullmatch(str(variable)):
            found.append(f'environment variable "{variable}" is not a name (letters, digits and underscores)')
    if (item.get("alert") or "warning") not in ALERTS:
        found.append(f'alert "{item.get("alert")}" is not one of {", ".join(ALERTS)}')
    return found


def from_mapping(item: Mapping[str, Any], host: str) -> Job:
    """Make a job of a checked input; ``host`` is the seed of its minute."""
    known = {key: value for key, value in item.items() if key in Job.__dataclass_fields__ and value is not None}
    known["command"] = tuple(known["command"])
    known["environment"] = {str(key): str(value) for key, value in (known.get("environment") or {}).items()}
    schedule = known.get("schedule") or "daily"
    known["fields"] = cron.fields_of(schedule, host, known["name"])
    return Job(**known)


def to_json(job: Job) -> bytes:
    """The content of jobs.d/<job>.json."""
    return json.dumps({"version": 1, **asdict(job)}, indent=2, sort_keys=True).encode() + b"\n"


def from_json(content: bytes) -> Job:
    """Read jobs.d/<job>.json. Raises ValueError when it is not one of version 1."""
    data = json.loads(content)
    if not isinstance(data, dict) or data.get("version") != 1:
        raise ValueError("not a job file of version 1")
    known = {key: value for key, value in data.items() if key in Job.__dataclass_fields__}
    try:
        return Job(**{**known, "command": tuple(known["command"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a job file: {error}") from error
