# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pushes images of the host's engine to a registry, exactly those that are not there yet."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

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


def published_id(registry: RegistryClient, image: Image) -> str | None:
    """Return the digest of the configuration that the registry has under the image's name; None when it has nothing."""
    try:
        manifest = json.loads(registry.manifest(image.repository, image.tag).body)
    except RegistryError as exc:
        if exc.status == 404:
            return None
        raise
    return cast("str | None", manifest.get("config", {}).get("digest"))


def compare(images: Sequence[Image], engine: DockerEngine | None, registry: RegistryClient | None) -> list[Push]:
    """Return what has to be pushed. ``engine`` or ``registry`` is None when it does not exist yet (check mode only)."""
    pushes = []
    for image in images:
        wanted = image_id(engine, image.source)
        there = published_id(registry, image) if registry is not None else None
        if there is None:
            pushes.append(Push(image, "not in the registry"))
        elif wanted != there:
            pushes.append(Push(image, "the registry has another image under this name"))
    return pushes


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
) -> None:
    """Push the images of the plan and see that the registry has them; raise PublishError otherwise."""
    for step in pushes:
        push(step.image, engine, host, username, password)
        if published_id(registry, step.image) is None:
            raise PublishError(f"{step.image.name} was pushed to {host} but is not there; see the registry's log")
