# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one exchange file: its newest valid content, also while the file is missing, half written or wrong."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from . import files

T = TypeVar("T")
VERSION = 1
ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a file that is missing, half written or wrong raises."""


class ExchangeFile(Generic[T]):
    """A JSON file that is replaced atomically by another program.

    ``current()`` returns the parsed content, read again only when the file changed. A missing, half-written or wrong
    file counts as unchanged since its last valid content (``problem`` then says why); before there was any, the content
    is ``empty``. With ``keep`` the last valid content survives a restart: it is saved to that file and read from there.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[Mapping[str, Any]], T],
        empty: T,
        log: logging.Logger | None = None,
        keep: Path | None = None,
    ):
        self.path = path
        self.known = False
        """Whether valid content was ever read; if not, ``current()`` returns ``empty``, which must not be acted on."""
        self._keep = keep
        self._parse = parse
        self._value = empty
        self._seen: tuple[int, int, int] | None = None
        self._log = log or logging.getLogger(__name__)
        self.problem = ""

    def current(self) -> T:
        """Return the newest valid content. Never raises because of the file or its content."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 (os.stat and fstat are what tests replace)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return self._value
            raw = self.path.read_bytes()
            self._value = self._read(raw)
            self._seen = seen
            self.known = True
            self._say("")
            self._save(raw)
        except ERRORS as error:
            self._say(f"{self.path}: {type(error).__name__}: {error}")
            if not self.known:
                self._use_kept()
        return self._value

    def _read(self, raw: bytes) -> T:
        document = json.loads(raw)
        if not isinstance(document, dict) or document.get("version") != VERSION:
            raise ValueError(f"not a document of version {VERSION}")
        return self._parse(document)

    def _save(self, raw: bytes) -> None:
        if self._keep is None:
            return
        try:
            with contextlib.suppress(FileNotFoundError):
                if self._keep.read_bytes() == raw:
                    return
            files.replace(self._keep, raw)
        except OSError as error:
            self._log.warning("could not save a copy of %s: %s", self.path, error)

    def _use_kept(self) -> None:
        if self._keep is None:
            return
        try:
            self._value = self._read(self._keep.read_bytes())
        except ERRORS:
            return
        self.known = True
        self._log.critical("%s cannot be read; using the copy that was saved earlier, %s", self.path, self._keep)

    def _say(self, problem: str) -> None:
        # A file that was never there is not a problem: not every lab has shares or announcements.
        quiet = self._seen is None and "FileNotFoundError" in problem
        if problem and problem != self.problem and not quiet:
            self._log.warning("keeping the last valid content: %s", problem)
        self.problem = problem
