# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between the inputs of several roles, which no single role can see."""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Mapping

ROLES = ("registry", "images", "hub")
"""The roles whose inputs these rules read."""
USERS = {"hub": "hub_registry", "images": "images_registry"}
"""Role that uses the lab's registry -> its input with the registry's address."""
OWN = ("127.0.0.1", "localhost", "[::1]")


def problems(values: Mapping[str, t.Any], given: Collection[str], roles: Collection[str]) -> list[str]:
    """Return what does not fit together; ``given`` are the inputs that the inventory sets itself.

    ``roles`` are those that are asked about. A registry on this host whose address the inventory names by itself may be
    another than the one of the role.
    """
    found = []
    absent, port = values.get("registry_state") == "absent", values.get("registry_port")
    for role, name in USERS.items():
        if role not in roles or values.get(f"{role}_state") == "absent" or name in given:
            continue
        host, _colon, named = str(values.get(name, "")).rpartition(":")
        if host not in OWN:
            continue
        if absent:
            found.append(
                f"{name}: is left at {values[name]}, the registry on this host, which registry_state: absent takes "
                f"off; name the lab's registry, such as {name}: registry.lab.example:443, or set {role}_state: absent"
            )
        elif port is not None and named != str(port):
            found.append(
                f"{name}: is left at {values[name]}, but registry_port is {port}; set {name}: {host}:{port} as well"
            )
    return found
