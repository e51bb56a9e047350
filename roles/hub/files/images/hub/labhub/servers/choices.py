# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down which image each person started last, so that the registry's retention keeps it.

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
_WRITING = threading.Lock()


def note(path: Path, user: str, image: Image, now: datetime.datetime) -> None:
    """Write down that a person's server runs from this image. Raises OSError or ValueError (an unreadable file)."""
    with _WRITING:
        _write(path, [*(choice for choice in _read(path) if choice["user"] != user), _choice(user, image, now)], now)


def renew(path: Path, user: str, now: datetime.datetime) -> None:
    """Count a person's choice from now on: the server ran until now."""
    with _WRITING:
        choices = _read(path)
        for choice in choices:
            if choice["user"] == user:
                choice["at"] = now.isoformat(timespec="seconds")
        _write(path, choices, now)


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
    kept = sorted((choice for choice in choices if choice["at"] >= oldest), key=lambda choice: choice["user"])
    files.replace(path, json.dumps({"version": 1, "choices": kept}, indent=1).encode())
