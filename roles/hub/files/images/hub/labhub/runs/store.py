# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the scheduled notebooks in a file of the hub's state folder, which the hub alone reads and writes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

from ..exchange import files
from .model import Definition, from_json, to_json

LOG = logging.getLogger("labhub.runs")
FILE = "runs.json"


class UnknownError(Exception):
    """There is no such scheduled notebook (any more)."""


class Store:
    """All definitions, in memory and in the file. What could not be written did not happen: that raises OSError."""

    def __init__(self, path: Path):
        self.path = path
        self.problem = ""
        """Why the file cannot be used. It is left alone then, and nothing runs."""
        self._known: dict[str, Definition] | None = None
        self._writing = asyncio.Lock()

    def all(self) -> tuple[Definition, ...]:
        """Return all of them; none while the file cannot be used."""
        if self._known is None:
            try:
                self._known = self._read()
                self.problem = ""
            except (OSError, ValueError, KeyError, TypeError) as error:
                problem = f"{self.path} cannot be used, so no scheduled notebook runs: {error!r}"
                if problem != self.problem:
                    LOG.critical("%s", problem)
                self.problem = problem
        return tuple((self._known or {}).values())

    def _read(self) -> dict[str, Definition]:
        try:
            document = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        if document["version"] != 1:
            raise ValueError(f"version {document['version']} is not 1")
        return {one["id"]: from_json(one) for one in document["runs"]}

    def of(self, owner: str, uid: int) -> tuple[Definition, ...]:
        """Return those of a person, the oldest first."""
        return tuple(one for one in self.all() if (one.owner, one.uid) == (owner, uid))

    async def add(self, definition: Definition) -> None:
        """Add one. Raises OSError."""
        async with self._writing:
            await self._keep({**self._usable(), definition.id: definition})

    async def change(self, identity: str, how: Callable[[Definition], Definition]) -> Definition:
        """Change one and return it. Raises UnknownError or OSError."""
        async with self._writing:
            known = self._usable()
            if identity not in known:
                raise UnknownError(identity)
            new = how(known[identity])
            if new != known[identity]:
                await self._keep({**known, identity: new})
            return new

    async def remove(self, identity: str) -> None:
        """Remove one. Raises OSError."""
        async with self._writing:
            await self._keep({key: one for key, one in self._usable().items() if key != identity})

    def _usable(self) -> dict[str, Definition]:
        self.all()
        if self._known is None:
            raise OSError(self.problem)
        return self._known

    async def _keep(self, new: dict[str, Definition]) -> None:
        document = {"version": 1, "runs": [to_json(one) for one in new.values()]}
        await asyncio.to_thread(files.replace, self.path, (json.dumps(document, indent=1) + "\n").encode())
        self._known = new
