# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``registry``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from . import caches
from .patterns import compile_pattern
from .policy import policy_problems
from .users import MAX_PASSWORD_BYTES

USER = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of the role's variables, each with path, what is allowed and what to do."""
    found = _users(inputs) + policy_problems(inputs.get("registry_policies") or [], "registry_policies")
    for index, pattern in enumerate(inputs.get("registry_protect") or []):
        try:
            compile_pattern(str(pattern))
        except ValueError as error:
            found.append(f"registry_protect[{index}]: {error}")
    address = str(inputs.get("registry_bind_address", ""))
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        found.append(f"registry_bind_address: {address!r} is not an IP address; give one, for example 127.0.0.1")
    else:
        if not loopback and not inputs.get("registry_allow_plain_http"):
            found.append(
                f"registry_bind_address: {address} is not a loopback address, and passwords would cross the network "
                "unencrypted; use the lab's front door, or set registry_allow_plain_http: true"
            )
    port, anonymous = inputs.get("registry_port"), inputs.get("registry_anonymous_port")
    for name, value, least in (("registry_port", port, 1), ("registry_anonymous_port", anonymous, 0)):
        if not isinstance(value, int) or not least <= value <= 65535:
            found.append(f"{name}: {value!r} is not a port; give a number from {least} to 65535")
    if port and port == anonymous:
        found.append(f"registry_anonymous_port: is the same as registry_port ({port}); give another one, or 0 for none")
    found += caches.problems(inputs)
    days = inputs.get("registry_report_max_age_days")
    if not isinstance(days, int) or days < 1:
        found.append(f"registry_report_max_age_days: {days!r} is not a number of days; give at least 1")
    chosen = inputs.get("registry_keep_chosen_days")
    if not isinstance(chosen, int) or isinstance(chosen, bool) or chosen < 0:
        found.append(f"registry_keep_chosen_days: {chosen!r} is not a number of days; give 0 or more")
    fraction = inputs.get("registry_max_fraction")
    if not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
        found.append(f"registry_max_fraction: {fraction!r} is not a number from 0 to 1")
    return found


def _users(inputs: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    users = inputs.get("registry_users") or []
    seen: dict[str, int] = {}
    for index, user in enumerate(users):
        name = str(user.get("name", ""))
        where = f"registry_users[{index}] (name={name})"
        if not USER.fullmatch(name):
            found.append(
                f"{where}: name {name!r} cannot be used; give lower-case letters, digits and . _ - (at most 63)"
            )
        if len(str(user.get("password") or "").encode()) > MAX_PASSWORD_BYTES:
            found.append(f"{where}: the password has more than {MAX_PASSWORD_BYTES} bytes, and bcrypt ignores the rest")
        if name in seen:
            found.append(f"{where}: is the same name as registry_users[{seen[name]}]; give another one")
        seen.setdefault(name, index)
    if not users or users[0].get("access") != "push":
        found.append("registry_users[0]: the first user must have access: push; the maintenance job uses it")
    found += [
        f"registry_rotate_users[{index}]: there is no user {name!r} in registry_users"
        for index, name in enumerate(inputs.get("registry_rotate_users") or [])
        if name not in seen
    ]
    return found
