# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``images``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of ``images_notebooks``, each with its index and the image's name."""
    found: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for index, image in enumerate(inputs.get("images_notebooks") or []):
        repository, tag = str(image.get("repository", "")), str(image.get("tag", ""))
        where = f"images_notebooks[{index}] ({repository}:{tag})"
        if not REPOSITORY.fullmatch(repository):
            found.append(
                f"{where}: repository {repository!r} is not a name that registries take; use lower-case letters and "
                "digits, with single . _ - / between them"
            )
        if not TAG.fullmatch(tag):
            found.append(
                f"{where}: tag {tag!r} is not a tag; use letters, digits and . _ - (at most 128, not . or - first)"
            )
        source = image.get("source", "build")
        if source == "build" and not image.get("context"):
            found.append(f"{where}: context is missing; name the folder of the Dockerfile, or set source: pull")
        if source == "pull" and not image.get("reference"):
            found.append(f"{where}: reference is missing; name the image to pull, or set source: build")
        for key, needed in (("context", "build"), ("args", "build"), ("reference", "pull")):
            if image.get(key) and source != needed:
                found.append(f"{where}: {key} has no meaning with source: {source}; remove it")
        if (repository, tag) in seen:
            found.append(f"{where}: is the same as images_notebooks[{seen[repository, tag]}]; give it another tag")
        seen.setdefault((repository, tag), index)
    return found
