# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a list of things in a file of the hub's state folder, which the hub alone writes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from . import files

LOG = logging.getLogger("labhub.kept")


class Owned(Protocol):
    """What is kept: something of a person, by whose name and uid it is found."""

    @property
    def id(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def uid(self) -> int: ...


T = TypeVar("T", bound=Owned)


class UnknownError(Exception):
    """There is no such thing (any more)."""


class FullError(Exception):
    """A person has as many as are allowed."""


class Kept(Generic[T]):
    """All of them, in memory and in the file, as the list ``key``. What could not be written did not happen.

    That raises OSError. ``words`` say what does not happen while the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        parse: Callable[[Mapping[str, Any]], T],
        plain: Callable[[T], Mapping[str, Any]],
        words: str,
    ):
        self.path = path
        self.problem = ""
        """Why the file cannot be used. It is left alone then, and nothing runs."""
        self._key, self._parse, self._plain, self._words = key, parse, plain, words
        self._known: dict[str, T] | None = None
        self._writing = asyncio.Lock()

    def all(self) -> tuple[T, ...]:
        """Return all of them; none while the file cannot be used."""
        if self._known is None:
            try:
                self._known = self._read()
                self.problem = ""
            except (OSError, ValueError, KeyError, TypeError) as error:
                problem = f"{self.path} cannot be used, so {self._words}: {error!r}"
                if problem != self.problem:
                    LOG.critical("%s", problem)
                self.problem = problem
        return tuple((self._known or {}).values())

    def _read(self) -> dict[str, T]:
        try:
            document = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        if document["version"] != 1:
            raise ValueError(f"version {document['version']} is not 1")
        return {one["id"]: self._parse(one) for one in document[self._key]}

    def of(self, owner: str, uid: int) -> tuple[T, ...]:
        """Return those of a person, the oldest first."""
        return tuple(one for one in self.all() if (one.owner, one.uid) == (owner, uid))

    async def add(self, new: T, most: int, fitted: Callable[[T, Iterable[T]], T] = lambda new, _known: new) -> T:
        """Add one and return it, as ``fitted`` makes it fit to those that are kept already.

        Raises FullError when its person has ``most`` already, which is only known here: two requests may have looked
        before either of them added. Raises OSError.
        """
        async with self._writing:
            known = self._usable()
            if len(self.of(new.owner, new.uid)) >= most:
                raise FullError
            new = fitted(new, known.values())
            await self._keep({**known, new.id: new})
            return new

    async def change(self, identity: str, how: Callable[[T], T]) -> T:
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

    def _usable(self) -> dict[str, T]:
        self.all()
        if self._known is None:
            raise OSError(self.problem)
        return self._known

    async def _keep(self, new: dict[str, T]) -> None:
        document = {"version": 1, self._key: [self._plain(one) for one in new.values()]}
        await asyncio.to_thread(files.replace, self.path, (json.dumps(document, indent=1) + "\n").encode())
        self._known = new
