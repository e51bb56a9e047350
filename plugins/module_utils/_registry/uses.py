# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images this host uses: its containers, what people chose last, the hub's default, what the inventory names.

Being listed by the hub is no use: the hub lists whatever the registry holds, and a protection that is derived from what
is to be pruned lets nothing go.

An entry says which image and why: ``{"id", "digests", "references", "user" or "why", "chosen"}``. ``chosen`` is the
time (ISO 8601) of a choice, which protects for a limited time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import words
from .._common.docker_api import SOCKET, DockerEngine
from .engine import images_in_use
from .protect import ProtectionError

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a host's uses are found. Files that do not exist are no use, but on a host with a hub."""

    docker_sockets: Sequence[str] = (SOCKET,)
    catalogues: Sequence[Path] = (Path("/var/lib/labserver/catalogue/images.json"),)
    named: Path | None = Path("/etc/labserver/images/named.json")
    choices: Path | None = Path("/srv/labserver/hub/state/choices.json")
    hub: Path | None = Path("/etc/labserver/hub/hub.json")


def read(sources: Sources) -> list[Entry]:
    """Return the uses of this host. Raises EngineError (the engine) or ProtectionError (a file)."""
    found: list[Entry] = []
    for socket in sources.docker_sockets:
        found += images_in_use(DockerEngine(socket))
    wanted = _default_image(sources.hub)
    for path in sources.catalogues:
        if wanted and not path.exists():
            raise ProtectionError(
                f"{path} is missing, and with it which image is the hub's default ({wanted}); start"
                " labserver-catalogue.service, it writes it"
                f" (or remove {sources.hub} when there is no hub here any more)"
            )
        found += defaults(_document(path))
    if sources.named is not None:
        found += named(_document(sources.named))
    if sources.choices is not None:
        if not sources.choices.exists() and sources.hub is not None and sources.hub.exists():
            raise ProtectionError(
                f"{sources.choices} is missing, and with it what people chose; start the hub, it writes it"
                f" (or remove {sources.hub} when there is no hub here any more)"
            )
        found += chosen(_document(sources.choices))
    return found


def defaults(catalogue: dict[str, Any]) -> list[Entry]:
    """Return what people get who choose nothing: of the default image the newest that can be started.

    The one the hub puts first, for each set of groups that images are made for.
    """
    wanted = catalogue.get("default_image")
    images = [
        image
        for image in catalogue.get("images") or []
        if wanted and wanted in (image["repository"], f"{image['repository']}:{image['tag']}")
    ]
    best: dict[tuple[str, ...], dict[str, Any]] = {}
    order = {"ready": 2, "pulling": 1}  # what is being tried may be ready in a moment
    for image in images:
        groups = tuple(sorted(image.get("groups") or ()))
        rank = (order.get(image.get("state", ""), 0), image.get("created") or "", image["tag"])
        if groups not in best or rank > best[groups]["rank"]:
            best[groups] = {"rank": rank, **image}
    return [_entry(image, "default image of the hub") for _groups, image in sorted(best.items())]


def named(document: dict[str, Any]) -> list[Entry]:
    """Return the images that the inventory names, as the role ``images`` wrote them down."""
    return [_entry(image, "named in images_notebooks") for image in document.get("images") or []]


def chosen(document: dict[str, Any]) -> list[Entry]:
    """Return what people chose, as the hub wrote it down."""
    found = []
    for choice in document.get("choices") or []:
        day = words.clean(choice["at"], 40).partition("T")[0]
        entry = _entry(choice, f"chosen by {words.clean(choice.get('user', ''), 64)} on {day}")
        found.append({**entry, "chosen": str(choice["at"])})
    return found


def _default_image(hub: Path | None) -> str:
    """Return what the hub offers to who chooses nothing, as the inventory names it; empty without a hub."""
    try:
        return str(json.loads(hub.read_text(encoding="utf-8")).get("default_image") or "") if hub is not None else ""
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, AttributeError) as error:
        raise ProtectionError(f"{hub} cannot be read: {error}") from error


def _entry(image: dict[str, Any], why: str) -> Entry:
    digests = [str(image["digest"])] if image.get("digest") else []
    return {"digests": digests, "references": [f"{image['repository']}:{image['tag']}"], "why": why}


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("version") != 1:
            raise ProtectionError(f"{path}: its version is not 1")
        for key in ("images", "choices"):
            for item in document.get(key) or []:
                if not isinstance(item.get("repository"), str) or not isinstance(item.get("tag"), str):
                    raise ProtectionError(f"{path}: an entry of {key} has no repository and tag: {words.clean(item)}")
                if key == "choices" and not isinstance(item.get("at"), str):
                    raise ProtectionError(f"{path}: a choice has no time: {words.clean(item)}")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ProtectionError(f"{path} cannot be read: {error}") from error
    return document
