# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The caches of other registries beside the lab's own: their inputs, and their files on the host."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .._common import sizes

# A dot, so that no repository of the lab's own begins like it.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Caches:
    """What runs in the container of the caches. ``caches``: name, upstream and login of each; ``configuration``:
    nginx's; ``outgoing``: the variables that name the lab's proxy."""

    data: Path
    socket: Path
    min_free_bytes: int
    caches: Sequence[Mapping[str, Any]]
    configuration: str
    outgoing: str = ""

    def files(self) -> dict[str, str]:
        """Return the files for the container, name -> content. The second and third may hold passwords."""
        kept = [{key: one[key] for key in ("name", "upstream", "username", "password")} for one in self.caches]
        document = {"version": 1, "min_free_bytes": self.min_free_bytes, "caches": kept}
        return {
            "nginx.conf": self.configuration,
            "caches.json": json.dumps(document, indent=2, sort_keys=True) + "\n",
            "outgoing.env": self.outgoing,
        }

    def hash(self) -> str:
        """Return what tells whether the container has to start anew."""
        served = "".join(f"{name}\0{content}\0" for name, content in sorted(self.files().items()))
        return hashlib.sha256(served.encode()).hexdigest()[:12]


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of the inputs of the caches."""
    found: list[str] = []
    names: dict[str, int] = {}
    for index, cache in enumerate(inputs.get("registry_caches") or []):
        name = str(cache.get("name", ""))
        where = f"registry_caches[{index}] (name={name})"
        if not NAME.fullmatch(name):
            found.append(
                f"{where}: name {name!r} is not the name of a registry; give it as references of images begin, with "
                "a dot and without a port, such as quay.io"
            )
        if name in names:
            found.append(f"{where}: is the same name as registry_caches[{names[name]}]; give another one")
        names.setdefault(name, index)
        found += [f"{where}: {text}" for text in _one(cache)]
    found += _port(inputs, names)
    found += _folder(inputs)
    try:
        sizes.parse(inputs.get("registry_caches_min_free"))
    except ValueError as error:
        found.append(f"registry_caches_min_free: {error}")
    return found


def _one(cache: Mapping[str, Any]) -> list[str]:
    found = []
    address = str(cache.get("upstream") or "https://x")
    try:
        parts = urllib.parse.urlsplit(address)
        good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/") and parts.port != 0
        )
        good = good and not (parts.query or parts.fragment or parts.username or re.search(r"[\s\"'\\;{}$]", address))
    except ValueError:
        good = False
    if not good:
        found.append("upstream is not an address such as https://quay.io, without a path and a login; mend it")
    user, password = cache.get("username") or "", cache.get("password") or ""
    if bool(user) != bool(password):
        found.append("username and password belong together; give both or none")
    if user and address.startswith("http:"):
        found.append("the password would cross the network unencrypted; give an upstream with https")
    for key, least in (("keep_days", 1), ("tag_minutes", 1)):
        value = cache.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 36500):
            found.append(f"{key}: {value!r} is not a number from {least} to 36500")
    try:
        if sizes.parse(cache.get("max_size") or "100G") < sizes.FACTOR["G"]:
            found.append("max_size: is less than one image needs; give at least 1G")
    except ValueError as error:
        found.append(f"max_size: {error}")
    return found


def _port(inputs: Mapping[str, Any], names: Mapping[str, int]) -> list[str]:
    port = inputs.get("registry_mirror_port")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        return [f"registry_mirror_port: {port!r} is not a port; give a number from 0 to 65535"]
    if not port:
        return []
    others = {
        "registry_port": inputs.get("registry_port"),
        "registry_anonymous_port": inputs.get("registry_anonymous_port"),
    }
    found = [
        f"registry_mirror_port: is the same as {name} ({port}); give another one, or 0 for none"
        for name, value in others.items()
        if value == port
    ]
    if DOCKER_HUB not in names:
        found.append(
            f"registry_mirror_port: engines ask a mirror for images of Docker Hub only, and registry_caches has none "
            f"named {DOCKER_HUB}; add it, or give 0"
        )
    return found


def _folder(inputs: Mapping[str, Any]) -> list[str]:
    caches = PurePosixPath(str(inputs.get("registry_caches_folder")))
    store = PurePosixPath(str(inputs.get("registry_data_folder")))
    if caches == store or store in caches.parents or caches in store.parents:
        return [f"registry_caches_folder: {caches} and registry_data_folder ({store}) must lie beside each other"]
    return [] if caches.is_absolute() else [f"registry_caches_folder: {caches} is not an absolute path; give one"]
