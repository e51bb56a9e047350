# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an image of the engine is one that people can start, told before it is pushed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._catalogue import model, trial
from .._catalogue.engine import Engine
from .._common.docker_api import DockerEngine, EngineError

LARGE_BYTES = 10 * 10**9
TRIAL = "labserver-trial-push"


@dataclass(frozen=True)
class Fitness:
    """What is wrong with an image: ``problem`` keeps it from being pushed, ``warning`` does not. Empty: nothing."""

    problem: str = ""
    warning: str = ""


def of_description(image: Mapping[str, Any], architecture: str) -> Fitness:
    """Judge what the engine says of an image (``/images/NAME/json``); ``architecture`` is the engine's own."""
    made_for = str(image.get("Architecture") or architecture)
    if made_for != architecture:
        return Fitness(
            f"it is made for {made_for} processors and this server has {architecture}; "
            f"build it on this server or with --platform linux/{architecture}"
        )
    size = int(image.get("Size") or 0)
    if size >= LARGE_BYTES:
        return Fitness(
            warning=f"it has {size / 10**9:.0f} GB: each server fetches and keeps all of it, and so does the registry "
            "for each tag; leave out what is not needed, and build it on an image that others are built on too"
        )
    return Fitness()


def try_out(api: DockerEngine, source: str) -> Fitness:
    """Judge an image of the engine and start a notebook server in it, as the hub will, unless people never start it.

    Raises EngineError when the engine does not answer.
    """
    image = api.get(f"/images/{source}/json")
    found = of_description(image, str(api.get("/version")["Arch"]))
    labels = (image.get("Config") or {}).get("Labels") or {}
    if found.problem or not model.spawnable(labels):
        return found
    try:
        tried = Engine(api).try_out(TRIAL, source, trial.memory({}))
    except EngineError as error:
        if error.status is None:
            raise
        return Fitness(trial.trouble(str(error)), found.warning)
    if tried.slow:
        return Fitness("", "; ".join(filter(None, (found.warning, tried.reason()))))
    return Fitness(tried.reason(), found.warning)
