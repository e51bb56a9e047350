# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down which images each person started, so that the registry's retention keeps them.

A container is removed when its server stops; without this file (docs/reference/interfaces.md) nobody would know which
image its person comes back to.
"""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..exchange import files
from ..exchange.images import Image

FILE = "choices.json"
KEPT_DAYS = 800
"""After this time a choice is forgotten, longer than any retention needs it."""
KEPT_EACH = 20
"""So many images of each person are remembered, the last ones."""
_WRITING = threading.Lock()


def note(path: Path, user: str, image: Image, now: datetime.datetime) -> None:
    """Write down that a person's server runs from this image. Raises OSError or ValueError (an unreadable file)."""
    with _WRITING:
        new = _choice(user, image, now)
        others = [one for one in _read(path) if _what(one) != _what(new)]
        _write(path, [*others, new], now)


def renew(path: Path, user: str, now: datetime.datetime) -> None:
    """Count a person's last choice from now on: the server ran until now."""
    with _WRITING:
        choices = _read(path)
        mine = [choice for choice in choices if choice["user"] == user]
        if mine:
            max(mine, key=_at)["at"] = now.isoformat(timespec="seconds")
        _write(path, choices, now)


def digests(path: Path, user: str) -> frozenset[str]:
    """Return which images a person started, as far as it is remembered. Raises OSError or ValueError."""
    return frozenset(str(choice.get("digest")) for choice in _read(path) if choice["user"] == user)


def prepare(path: Path, last: Iterable[tuple[str, Image]], now: datetime.datetime) -> bool:
    """Make the file when it is missing or cannot be read, from what the hub's database knows; tell whether it was."""
    with _WRITING:
        try:
            _read(path)
            if path.exists():
                return False
        except ValueError:
            pass
        _write(path, [_choice(user, image, now) for user, image in last], now)
        return True


def _choice(user: str, image: Image, now: datetime.datetime) -> dict[str, Any]:
    place = {"repository": image.repository, "tag": image.tag, "digest": image.digest}
    return {"user": user, **place, "at": now.isoformat(timespec="seconds")}


def _what(choice: dict[str, Any]) -> tuple[object, ...]:
    """Return whose choice of which image it is."""
    return tuple(choice.get(key) for key in ("user", "repository", "tag", "digest"))


def _at(choice: dict[str, Any]) -> str:
    return str(choice["at"])


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text())
        if document["version"] != 1:
            raise ValueError(f"{path} has version {document['version']}, not 1")
        return [{**choice, "user": str(choice["user"]), "at": str(choice["at"])} for choice in document["choices"]]
    except FileNotFoundError:
        return []
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no list of choices: {error!r}") from error


def _write(path: Path, choices: list[dict[str, Any]], now: datetime.datetime) -> None:
    oldest = (now - datetime.timedelta(days=KEPT_DAYS)).isoformat()
    kept: dict[str, list[dict[str, Any]]] = {}
    for choice in sorted((choice for choice in choices if choice["at"] >= oldest), key=_at, reverse=True):
        mine = kept.setdefault(choice["user"], [])
        if len(mine) < KEPT_EACH:
            mine.append(choice)
    listed = [choice for user in sorted(kept) for choice in kept[user]]
    files.replace(path, json.dumps({"version": 1, "choices": listed}, indent=1).encode())
