# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pushes images of the host's engine to a registry, exactly those that are not there yet."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from .._common.docker_api import DockerEngine, EngineError
from .._registry.client import RegistryClient
from .._registry.protocol import RegistryError
from . import fitness

PUSH_TIMEOUT_SECONDS = 900.0


class PublishError(Exception):
    """An image could not be pushed, or is not in the registry after it was; the text says which and why."""


@dataclass(frozen=True)
class Image:
    """An image of the engine (``source``) and where it belongs in the registry."""

    source: str
    repository: str
    tag: str

    @property
    def name(self) -> str:
        return f"{self.repository}:{self.tag}"


def record(images: Sequence[Image]) -> str:
    """Return the content of named.json: the images that the inventory names, which retention keeps."""
    named = [{"repository": image.repository, "tag": image.tag} for image in images]
    return json.dumps({"version": 1, "images": named}, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Push:
    """An image to be pushed, and why."""

    image: Image
    reason: str


def image_id(engine: DockerEngine | None, source: str) -> str | None:
    """Return the id of an image of the engine, which is the digest of its configuration; None when there is none."""
    if engine is None:
        return None
    try:
        return str(engine.get(f"/images/{source}/json")["Id"])
    except EngineError as exc:
        if exc.status == 404:
            return None
        raise


@dataclass(frozen=True)
class Published:
    """What the registry has under an image's name: digest of the manifest, and of its configuration if it has one."""

    digest: str
    config: str

    def has(self, identity: str | None) -> bool:
        """Tell whether this is an image of the engine: its id is one of the two, as the engine keeps its images."""
        return identity in (self.config, self.digest)


def published(registry: RegistryClient, image: Image) -> Published | None:
    """Return what the registry has under the image's name; None when it has nothing."""
    try:
        raw = registry.manifest(image.repository, image.tag)
    except RegistryError as exc:
        if exc.status == 404:
            return None
        raise
    return Published(raw.digest, str((json.loads(raw.body).get("config") or {}).get("digest") or ""))


def compare(
    images: Sequence[Image], engine: DockerEngine | None, registry: RegistryClient | None
) -> tuple[list[Push], dict[str, str]]:
    """Return what has to be pushed, and of the rest the digests by name.

    ``engine`` or ``registry`` is None when it does not exist yet (check mode only).
    """
    pushes, there = [], {}
    for image in images:
        wanted = image_id(engine, image.source)
        found = published(registry, image) if registry is not None else None
        if found is None:
            pushes.append(Push(image, "not in the registry"))
        elif not found.has(wanted):
            pushes.append(Push(image, "the registry has another image under this name"))
        else:
            there[image.name] = found.digest
    return pushes, there


def judge(pushes: Sequence[Push], engine: DockerEngine) -> tuple[list[Push], list[str], list[str]]:
    """Try the images of the plan; returns those that people can start, and sentences: what is wrong, what is odd."""
    good, problems, warnings = [], [], []
    for step in pushes:
        found = fitness.try_out(engine, step.image.source)
        if found.warning:
            warnings.append(f"{step.image.name}: {found.warning}")
        if found.problem:
            problems.append(f"{step.image.name} cannot be started and was not pushed: {found.problem}")
        else:
            good.append(step)
    return good, problems, warnings


def push(image: Image, engine: DockerEngine, host: str, username: str, password: str) -> None:
    """Tag the image for the registry ``host`` (name:port) and push it; raise PublishError when it does not arrive."""
    auth = base64.urlsafe_b64encode(json.dumps({"username": username, "password": password}).encode()).decode()
    target = f"{host}/{image.repository}"
    try:
        engine.request("POST", f"/images/{image.source}/tag", query={"repo": target, "tag": image.tag})
        for _progress in engine.stream(
            "POST",
            f"/images/{target}/push",
            query={"tag": image.tag},
            headers={"X-Registry-Auth": auth},
            timeout=PUSH_TIMEOUT_SECONDS,
        ):
            pass
    except EngineError as exc:
        raise PublishError(f"{image.name} could not be pushed to {host}: {exc}") from exc


def apply(
    pushes: Sequence[Push], engine: DockerEngine, registry: RegistryClient, host: str, username: str, password: str
) -> dict[str, str]:
    """Push the images of the plan, see that the registry has them, and return their digests by name.

    Raises PublishError. A digest is that of what the engine has: it may be signed.
    """
    digests = {}
    for step in pushes:
        push(step.image, engine, host, username, password)
        found = published(registry, step.image)
        if found is None:
            raise PublishError(f"{step.image.name} was pushed to {host} but is not there; see the registry's log")
        if not found.has(image_id(engine, step.image.source)):
            raise PublishError(
                f"{step.image.name} was pushed to {host}, and now there is another image under this name; somebody "
                "else pushes it too. Give one of the two another name, or run this again"
            )
        digests[step.image.name] = found.digest
    return digests
