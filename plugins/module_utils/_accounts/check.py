# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of single entries of the inventory and their conversion; every problem names where, what and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from .._common import sizes
from .limits import KEYS as LIMIT_KEYS
from .limits import Limits, parse_limits
from .names import GROUP_NAME, SYSTEM_NAME, group_name_problem, login_name_problem, made_by_yaml

USER_KEYS = (
    "name", "full_name", "groups", "host_groups", "admin", "uid", "state", "expires", "ssh_keys", "shell", "limits",
    "quota", "system_name",
)  # fmt: skip
ROOM_KEY = "room"
"""Of entries that `rooms.py` makes of hub_rooms; people have no such key."""
GROUP_KEYS = ("name", "gid", "limits", "host_members")
FOLDER_KEYS = ("path", "group", "others")
STATES = ("present", "locked", "absent")
LOWEST_ID, HIGHEST_ID = 1000, 59999
CONTROL = re.compile(r"[\x00-\x1f\x7f:]")
SSH_KEY = re.compile(
    r"(?:.*\s)?(ssh-(?:rsa|ed25519)|ecdsa-sha2-\S+|sk-\S+@openssh\.com)\s+[A-Za-z0-9+/]{32,}=*(?:\s.*)?\Z"
)

SMALLEST_SIZE = 1024**2

Report = Callable[[str], None]


def reporter(problems: list[str], label: str, raw: object) -> Report:
    """Return a function that adds a problem with its place, and the name where there is one."""
    name = raw.get("name") if isinstance(raw, Mapping) else None
    place = f"{label} (name={name})" if isinstance(name, str) and name else label
    return lambda text: problems.append(f"{place}: {text}")


def unknown_keys(raw: Mapping[str, Any], known: Sequence[str], report: Report, path: str = "") -> None:
    """Report keys that nobody reads, with the nearest known one."""
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {path}{near[0]}?" if near else f"known: {', '.join(known)}"
            report(f'unknown key "{path}{key}"; {hint}')


def whole_number(value: object, low: int, high: int) -> int:
    """Return an integer within the range; takes a string of digits too (CSV, templates); raises ValueError."""
    if isinstance(value, str) and re.fullmatch(r"0\d+", value):
        raise ValueError(f'"{value}" begins with a zero, as octal numbers do; write it without')
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value)):
        raise ValueError(f'"{value}" is not an integer; give a whole number from {low} to {high}')
    number = int(str(value))
    if not low <= number <= high:
        raise ValueError(f"{number} is out of range; give a whole number from {low} to {high}")
    return number


def boolean(value: object) -> bool:
    """Return a truth value of YAML, CSV or a template; raises ValueError."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "yes", "1", "false", "no", "0"):
        return str(value).lower() in ("true", "yes", "1")
    raise ValueError(f'"{value}" is neither true nor false')


def day(value: object) -> date:
    """Return a date of YAML or text (``2027-03-31``); raises ValueError."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
            raise ValueError
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f'"{value}" is not a date; give the last day of access as YYYY-MM-DD') from None


def names(value: object, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return a list of names without repetition; raises ValueError."""
    if not isinstance(value, list):
        raise ValueError("is not a list of names; give for example [leem, xps]")
    for item in value:
        if made := made_by_yaml(item):
            raise ValueError(f"holds something that {made}")
        if item is None:
            raise ValueError("holds an empty entry; remove it, or write the name")
    wrong = [item for item in value if not pattern.match(item)]
    if wrong:
        raise ValueError(f'holds "{wrong[0]}", which is not a valid group name')
    return tuple(dict.fromkeys(value))


def text(value: object) -> str:
    """Return a text that fits into one field of /etc/passwd; raises ValueError."""
    if made := made_by_yaml(value):
        raise ValueError(made)
    if not isinstance(value, str) or CONTROL.search(value):
        raise ValueError(f"{value!r} is not a text without colon and line break")
    return value.strip()


def absolute_path(value: object) -> str:
    """Return an absolute path without surprises; raises ValueError."""
    if not isinstance(value, str) or not re.fullmatch(r"(/[^/\x00-\x1f:]+)+", value) or "/../" in f"{value}/":
        raise ValueError(f'"{value}" is not an absolute path (no "..", no colon, no slash at the end)')
    return value


def _ssh_keys(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("is not a list of public keys")
    for item in value:
        if not SSH_KEY.match(item.strip()) or "\n" in item.strip():
            raise ValueError(f'holds "{item[:40]}", which is not a public key; give the line of a .pub file')
    return tuple(dict.fromkeys(item.strip() for item in value))


def one_of(value: object, known: Sequence[str]) -> str:
    """Return a word of a fixed set; raises ValueError with the nearest one."""
    if value in known:
        return str(value)
    near = difflib.get_close_matches(str(value), known, 1)
    raise ValueError(f'"{value}" is unknown; {f"did you mean {near[0]}?" if near else "use " + ", ".join(known)}')


def size(value: object) -> int:
    """Return a size in bytes, 0 or at least 1 MiB; raises ValueError."""
    if isinstance(value, str) and re.fullmatch(r"0\d+", value):
        raise ValueError(f'"{value}" begins with a zero, as octal numbers do; write it without')
    count = sizes.parse(value)
    if 0 < count < SMALLEST_SIZE:
        raise ValueError(f'"{value}" is only {count} bytes; give a size such as 20G, or 0 for none')
    return count


def _system_name(value: object) -> str:
    if not isinstance(value, str) or not SYSTEM_NAME.match(value):
        raise ValueError(f'"{value}" is not a valid account name; leave it out for the usual jupyter-<name>')
    return value


def _room(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'"{value}" makes no room; rooms are listed in hub_rooms')
    return value


USER_FIELDS: dict[str, Callable[[object], Any]] = {
    "full_name": text,
    "groups": lambda value: names(value, GROUP_NAME),
    "host_groups": lambda value: names(value, SYSTEM_NAME),
    "admin": boolean,
    "uid": lambda value: whole_number(value, LOWEST_ID, HIGHEST_ID),
    "state": lambda value: one_of(value, STATES),
    "expires": day,
    "ssh_keys": _ssh_keys,
    "shell": absolute_path,
    "quota": size,
    "system_name": _system_name,
    "room": _room,
}
GROUP_FIELDS: dict[str, Callable[[object], Any]] = {
    "gid": lambda value: whole_number(value, LOWEST_ID, HIGHEST_ID),
    "host_members": lambda value: names(value, SYSTEM_NAME),
}


Checked = tuple[dict[str, Any], Limits]


@dataclass(frozen=True)
class _Kind:
    """What entries with a name may hold, and how the name has to be."""

    example: str
    keys: Sequence[str]
    fields: Mapping[str, Callable[[object], Any]]
    name_problem: Callable[[object], str | None]


def convert(raw: Mapping[str, Any], fields: Mapping[str, Callable[[object], Any]], report: Report) -> dict[str, Any]:
    """Return the fields that are right, converted; reports the others. A value of None counts as not given."""
    good: dict[str, Any] = {}
    for key, check in fields.items():
        if raw.get(key) is None:
            continue
        try:
            good[key] = check(raw[key])
        except ValueError as error:
            report(f"{key} {error}")
    return good


def limits_of(raw: Mapping[str, Any], report: Report) -> Limits:
    """Return the limits of an entry, reporting what is wrong with them."""
    given = raw.get("limits")
    if given is None:
        return Limits()
    if not isinstance(given, Mapping):
        report("limits is not a mapping; give for example {cpu: 2, memory: 4G}")
        return Limits()
    unknown_keys(given, LIMIT_KEYS, report, "limits.")
    limits, wrong = parse_limits(given)
    for problem in wrong:
        report(problem)
    return limits


def check_user(label: str, raw: object, problems: list[str]) -> Checked | None:
    """Check one entry of a list of people; returns its converted fields and limits, or None when it has no name."""
    return _check_named(label, raw, problems, _Kind("mira", (*USER_KEYS, ROOM_KEY), USER_FIELDS, login_name_problem))


def check_group(label: str, raw: object, problems: list[str]) -> Checked | None:
    """Check one entry of a list of groups; returns its converted fields and limits, or None when it has no name."""
    return _check_named(label, raw, problems, _Kind("leem", GROUP_KEYS, GROUP_FIELDS, group_name_problem))


def _check_named(label: str, raw: object, problems: list[str], kind: _Kind) -> Checked | None:
    report = reporter(problems, label, raw)
    if not isinstance(raw, Mapping):
        report(f"{raw!r} is not a mapping; write for example - name: {kind.example}")
        return None
    unknown_keys(raw, kind.keys, report)
    problem = kind.name_problem(raw.get("name"))
    if problem:
        report(problem)
    fields, limits = convert(raw, kind.fields, report), limits_of(raw, report)
    return None if problem else (fields, limits)


def check_folder(label: str, raw: object, problems: list[str]) -> dict[str, str] | None:
    """Check one entry of the shared folders; returns its fields, or None when something is wrong."""
    report = reporter(problems, label, raw)
    if not isinstance(raw, Mapping):
        report("is not a mapping; write for example - {path: /srv/labserver/groups/leem, group: leem}")
        return None
    before = len(problems)
    unknown_keys(raw, FOLDER_KEYS, report)
    for key in ("path", "group"):
        if raw.get(key) is None:
            report(f"{key} is missing")
    fields = convert(raw, {"path": absolute_path, "group": text}, report)
    if raw.get("others", "none") not in ("none", "read"):
        report(f'others "{raw["others"]}" is unknown; use none or read')
    return None if len(problems) > before else {**fields, "others": raw.get("others", "none")}
