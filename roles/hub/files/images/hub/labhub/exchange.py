# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the exchange files: the newest good version of each, whatever happens to the file meanwhile."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
VERSION = 1


class ExchangeFile(Generic[T]):
    """A JSON file that is replaced atomically by another program.

    ``current()`` returns the parsed content, read again only when the file changed. A missing, half-written or wrong
    file counts as unchanged since the last good one (``problem`` then says why); before there was a good one it is
    ``empty``.
    """

    def __init__(
        self, path: Path, parse: Callable[[Mapping[str, Any]], T], empty: T, log: logging.Logger | None = None
    ):
        self.path = path
        self._parse = parse
        self._value = empty
        self._seen: tuple[int, int, int] | None = None
        self._log = log or logging.getLogger(__name__)
        self.problem = ""

    def current(self) -> T:
        """Return the newest good content. Never raises for what is in the file."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 (os.stat and fstat are what tests replace)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return self._value
            document = json.loads(self.path.read_bytes())
            if not isinstance(document, dict) or document.get("version") != VERSION:
                raise ValueError(f"not a document of version {VERSION}")
            self._value = self._parse(document)
            self._seen = seen
            self._say("")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._say(f"{self.path}: {type(error).__name__}: {error}")
        return self._value

    def _say(self, problem: str) -> None:
        # A file that never was there is nothing to speak of: not every lab has shares or announcements.
        quiet = self._seen is None and "FileNotFoundError" in problem
        if problem and problem != self.problem and not quiet:
            self._log.warning("keeping the last good version: %s", problem)
        self.problem = problem
