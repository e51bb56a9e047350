# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the registry's jobs ask of a Docker engine: the images that containers use, and to let go of the store."""

from __future__ import annotations

import contextlib
import functools
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._common import labels
from .._common.docker_api import DockerEngine, EngineError
from .pause import supervised


def signal(engine: DockerEngine, container: str, name: str) -> None:
    """Send a signal to the first process of a container."""
    engine.request("POST", f"/containers/{urllib.parse.quote(container)}/kill", query={"signal": name})


def pausing(engine: DockerEngine, store: Path, container: str) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Return how a registry is brought to rest that runs in a container of the role ``registry``."""
    return functools.partial(supervised, store / ".locks", functools.partial(signal, engine, container, "USR1"))


def images_in_use(engine: DockerEngine) -> list[dict[str, Any]]:
    """Return the images of all containers, stopped ones included, but for those that try images.

    Each is ``{"id", "digests", "references", "user"}``: the digest of its configuration, the digests of manifests that
    it was pulled or pushed by, its tags and how the containers named it, and the containers' names.
    """
    users: dict[str, list[str]] = {}
    names: dict[str, set[str]] = {}
    for container in engine.get("/containers/json", all="1") or []:
        if (container.get("Labels") or {}).get(labels.ROOM) == "catalogue":
            continue  # the hub tries whatever the registry holds, and that is no use
        image = container["ImageID"]
        users.setdefault(image, []).append((container.get("Names") or [container["Id"][:12]])[0].lstrip("/"))
        names.setdefault(image, set()).add(container["Image"])
    used = []
    for image, containers in sorted(users.items()):
        found = _image(engine, image)
        references = names[image] | set(found.get("RepoTags") or [])
        digests = {item.partition("@")[2] for item in [*(found.get("RepoDigests") or []), *references] if "@" in item}
        plain = [item for item in references if "@" not in item and not item.startswith("sha256:")]
        used.append(
            {
                "id": image,
                "digests": sorted(digests),
                "references": sorted(plain),
                "user": ", ".join(sorted(containers)),
            }
        )
    return used


def _image(engine: DockerEngine, image: str) -> dict[str, Any]:
    try:
        return dict(engine.get(f"/images/{image}/json"))
    except EngineError as error:
        if error.status == 404:  # removed by force below a container
            return {}
        raise
