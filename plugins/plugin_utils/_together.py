# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between the inputs of several roles, which no single role can see."""

from __future__ import annotations

import difflib
import fnmatch
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
    found = _rooms(values) if "hub" in roles and values.get("hub_state") != "absent" else []
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


def _rooms(values: Mapping[str, t.Any]) -> list[str]:
    """Return what is wrong with the images of the hub's rooms; all else of them is looked at by the role accounts.

    An image may also have been pushed by hand, so a name that nobody knows is only refused where it is nearly one.
    """
    images = {str(name): image for name, image in (values.get("hub_images") or {}).items()}
    built = [str(one.get("repository")) for one in values.get("images_notebooks") or [] if isinstance(one, Mapping)]
    known = {*images, *built, str(values.get("hub_default_image") or "").partition(":")[0]}
    found = []
    for index, room in enumerate(values.get("hub_rooms") or []):
        if not isinstance(room, Mapping) or not isinstance(room.get("image"), str):
            continue
        where, repository = f"hub_rooms[{index}] (name={room.get('name')})", room["image"].partition(":")[0]
        near = difflib.get_close_matches(repository, known, 1, 0.8)
        if not any(fnmatch.fnmatchcase(repository, one) for one in values.get("hub_image_repositories") or ["*"]):
            found.append(
                f"{where}: the image {repository} is not among hub_image_repositories, so nobody can start it; add it"
                " there, or name another"
            )
        elif repository not in known and near:
            found.append(f"{where}: the image {repository} is unknown; did you mean {near[0]}?")
        groups = images.get(repository, {}).get("groups") if isinstance(images.get(repository), Mapping) else None
        if isinstance(groups, list) and room.get("group") not in groups:
            found.append(
                f"{where}: the image {repository} is for {', '.join(map(str, groups))} alone (hub_images), not for the"
                f" room's group {room.get('group')}"
            )
    return found
