# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images the catalogue fetched to this host, so that those whose tags are gone do not fill its disk.

Only what the catalogue itself fetched is ever removed, a week after its last tag went, and never what a container
runs from, what is among the last images that somebody chose, or an image of a repository that the registry does not
have any more: that registry may have lost its disk, and this copy may be the last one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from .._common import clock, exchange, files
from .._common.docker_api import EngineError
from .._registry.protect import ProtectionError
from .engine import Engine

FILE = "fetched.json"
KEPT = timedelta(days=7)
"""From when the last tag of an image went until the image goes, too."""
EVERY = timedelta(minutes=10)


@dataclass(frozen=True)
class Fetched:
    """The images that were fetched: reference -> since when (ISO 8601) it has no tag; empty while it has one."""

    images: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Fetched:
        """Return what was written down; a file that is not there or cannot be read names no image."""
        try:
            return cls(
                {str(key): str(value) for key, value in exchange.parse(path.read_bytes(), FILE)["images"].items()}
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls({})

    def write(self, path: Path) -> None:
        """Replace the file."""
        files.replace(path, (json.dumps({"version": 1, "images": dict(sorted(self.images.items()))}) + "\n").encode())

    def also(self, reference: str) -> Fetched:
        """Return this with an image that is about to be fetched."""
        return Fetched({**self.images, reference: ""})

    def without(self, references: Collection[str]) -> Fetched:
        """Return this without images that are gone from the host."""
        return Fetched({key: since for key, since in self.images.items() if key not in references})

    def compare(self, listed: Collection[str], now: datetime) -> Fetched:
        """Return this with the present moment for each image that has just lost its last tag."""
        return Fetched(
            {
                key: "" if key in listed else since if clock.past(since, now) else clock.stamp(now)
                for key, since in self.images.items()
            }
        )

    def due(self, repositories: Collection[str], used: Iterable[str], now: datetime) -> list[str]:
        """Return the images that may go. ``repositories`` answered just now; ``used`` are digests."""
        kept = set(used)
        found = []
        for reference, since in self.images.items():
            went = clock.past(since, now)
            name, _at, digest = reference.partition("@")
            if went is None or now - went < KEPT or digest in kept or name.partition("/")[2] not in repositories:
                continue
            found.append(reference)
        return found


class Tidy:
    """Removes from the host what was fetched and has no tag any more. ``used`` returns the digests that are in use."""

    def __init__(self, path: Path, engine: Engine, used: Callable[[], Collection[str]], say: Callable[[str], None]):
        self._path, self._engine, self._used, self._say = path, engine, used, say
        self._fetched = Fetched.read(path)
        self._lock = threading.Lock()  # images are fetched beside each other
        self._last: datetime | None = None

    def note(self, reference: str) -> None:
        """Write down that an image is about to be fetched, before it fills the disk."""
        with self._lock:
            self._keep(self._fetched.also(reference))

    def round(self, listed: Collection[str], repositories: Collection[str], now: datetime) -> None:
        """Remove what is due, every few minutes; ``listed`` are the images that have tags."""
        if self._last is not None and timedelta(0) <= now - self._last < EVERY:
            return
        self._last = now
        with self._lock:
            self._keep(self._fetched.compare(listed, now))
            if not self._fetched.due(repositories, (), now):
                return
            try:
                due = self._fetched.due(repositories, self._used(), now)
            except (EngineError, ProtectionError, OSError) as error:
                self._say(f"images without a tag stay: what is in use is not known: {error}")
                return
            gone = [reference for reference in due if self._removed(reference)]
            self._keep(self._fetched.without(gone))

    def _removed(self, reference: str) -> bool:
        try:
            removed = self._engine.remove(reference)
        except EngineError as error:
            self._say(f"{reference}: could not be removed from this host: {error}")
            return False
        if removed:
            self._say(f"{reference}: removed from this host; its last tag went over {KEPT.days} days ago")
        return removed

    def _keep(self, fetched: Fetched) -> None:
        if fetched == self._fetched:
            return
        self._fetched = fetched
        try:
            fetched.write(self._path)
        except OSError as error:  # the disk is full: images must go on, and an image that is not noted stays
            self._say(f"{self._path}: {error}")
