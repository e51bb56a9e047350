# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``images``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import layers

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
PRIVATE_KEY = re.compile(r"-----BEGIN (EC )?PRIVATE KEY-----\s[A-Za-z0-9+/=\s]+\s-----END (EC )?PRIVATE KEY-----")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of ``images_notebooks``, each with its index and the image's name."""
    found: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    images = list(inputs.get("images_notebooks") or [])
    for index, image in enumerate(images):
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
        if source == "build" and image.get("context"):
            found += [f"{where}: {problem}" for problem in _context_problems(str(image["context"]))]
        if source == "build" and (problem := layers.base_problem(image, images)):
            found.append(f"{where}: {problem}")
        for key, needed in (("context", "build"), ("base", "build"), ("args", "build"), ("reference", "pull")):
            if image.get(key) and source != needed:
                found.append(f"{where}: {key} has no meaning with source: {source}; remove it")
        if (repository, tag) in seen:
            found.append(f"{where}: is the same as images_notebooks[{seen[repository, tag]}]; give it another tag")
        seen.setdefault((repository, tag), index)
    found += _signing(inputs)
    for circle in layers.circles(images):
        found.append(
            f"images_notebooks: {' is built on '.join([*circle, circle[0]])}: that is a circle; "
            "take base from one of them or name another"
        )
    return found


def _signing(inputs: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the key that signs, of which nothing is repeated, and with what else is signed."""
    found = []
    key = str(inputs.get("images_signing_key") or "")
    if key and not PRIVATE_KEY.fullmatch(key.strip()):
        found.append(
            "images_signing_key: is no private key in PEM that is not encrypted; write all of the key's file into the "
            "vault, from -----BEGIN to KEY----- (docs/howto/signed-images.md)"
        )
    for index, reference in enumerate(inputs.get("images_sign_also") or []):
        repository, _at, digest = str(reference).partition("@")
        if not REPOSITORY.fullmatch(repository) or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            found.append(
                f"images_sign_also[{index}]: {reference!r} is not REPOSITORY@sha256:DIGEST; name the image by what was "
                "looked at, since a tag may mean another one by the time it is signed"
            )
    if inputs.get("images_sign_also") and not key:
        found.append("images_sign_also: nothing is signed without images_signing_key; write the key, or take this away")
    return found


def _context_problems(context: str) -> list[str]:
    """Return what is wrong with the folder of a Dockerfile on the controller."""
    if not context.startswith("/"):
        allowed = ", ".join(sorted(layers.CONTEXTS))
        unknown = (
            f"context {context!r} is no image of this collection ({allowed}); name one, or the folder's absolute path"
        )
        return [] if context in layers.CONTEXTS else [unknown]
    if not Path(context, "Dockerfile").is_file():
        return [f"context {context}: there is no Dockerfile in this folder of the controller"]
    return []
