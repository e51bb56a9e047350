# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of people and groups: the rule of TLJH, and what every Debian host takes."""

from __future__ import annotations

import hashlib
import re
from datetime import date

PREFIX = "jupyter-"
# Debian 12's useradd takes more than Debian 13's (which refuses @, + and letters beyond ASCII); this is what both take.
LOGIN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")
GROUP_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
SYSTEM_NAME = re.compile(r"[a-z_][a-z0-9._-]{0,31}\Z")


def system_name(login: str) -> str:
    """Return the name of the host's account for the hub's user ``login``.

    This is TLJH's rule (``tljh/normalize.py``, called with the prefixed name by ``tljh/user_creating_spawner.py``), so
    that accounts made by TLJH are found again: 26 characters or more become the first 26, a hyphen, and the first 5
    hexadecimal digits of the SHA-256 of the prefixed name.
    """
    name = PREFIX + login
    if len(name) < 26:
        return name
    return f"{name[:26]}-{hashlib.sha256(name.encode()).hexdigest()[:5]}"


def made_by_yaml(value: object) -> str:
    """Say what YAML made of a text without quotes (an empty text: it is a text, or nothing)."""
    if isinstance(value, bool):
        words = "yes, on and true" if value else "no, off and false"
        return f"is the truth value {str(value).lower()}, which YAML makes of {words}; put it in quotes"
    if isinstance(value, (int, float)):
        return f'is the number {value}; put it in quotes: "{value}"'
    if isinstance(value, date):
        return f'is the date {value}, not a text; put it in quotes: "{value}"'
    return "" if value is None or isinstance(value, str) else f"is not a text but a {type(value).__name__}"


def login_name_problem(name: object) -> str | None:
    """Return what is wrong with a login name, or None."""
    if made := made_by_yaml(name):
        return f"name {made}"
    if not isinstance(name, str) or not name:
        return "name is missing; give the login name at the hub, for example mira"
    if LOGIN_NAME.match(name):
        return None
    if LOGIN_NAME.match(name.lower()):
        return f'name "{name}" has capital letters, which the hub does not keep; write {name.lower()}'
    return (
        f'name "{name}" cannot be taken by every server; use a-z, 0-9, dot, hyphen and underscore, '
        "beginning with a letter or digit, at most 100 characters"
    )


def group_name_problem(name: object) -> str | None:
    """Return what is wrong with the name of a lab group, or None."""
    if made := made_by_yaml(name):
        return f"name {made}"
    if not isinstance(name, str) or not name:
        return "name is missing; give the group's name, for example leem"
    if name.startswith(PREFIX):
        return f'name "{name}" begins with {PREFIX}, which is kept for people; choose another name'
    if GROUP_NAME.match(name):
        return None
    return (
        f'name "{name}" cannot be taken by every server; use a-z, 0-9, hyphen and underscore, '
        "beginning with a letter, at most 32 characters"
    )
