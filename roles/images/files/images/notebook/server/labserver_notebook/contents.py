# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jupyter's files on the disk, so that a full disk takes nothing: named in ``jupyter_server_config.d`` of the image."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.filecheckpoints import AsyncFileCheckpoints
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from nbformat.sign import NotebookNotary
from tornado.web import HTTPError
from traitlets import default

from . import whole

INSUFFICIENT_STORAGE = 507


class NoRoomForCheckpoint(HTTPError):  # noqa: N818
    """There is no room for a checkpoint of a file that is itself saved."""


class Checkpoints(AsyncFileCheckpoints):
    """Checkpoints of which the former one stays when there is no room for the new one."""

    def checkpoint_path(self, checkpoint_id: str, path: str) -> str:
        """Return the path of a checkpoint. A folder that cannot be made is only told of when something goes there."""
        try:
            return str(super().checkpoint_path(checkpoint_id, path))
        except OSError as error:
            if not whole.is_full(error):
                raise
        file = Path(self._get_os_path(path))
        return str(file.parent / self.checkpoint_dir / f"{file.stem}-{checkpoint_id}{file.suffix}")

    async def _copy(self, src: str, dest: str) -> None:
        source, target = Path(src), Path(dest)
        try:
            target.parent.mkdir(exist_ok=True)
            whole.write(target, source.read_bytes())
        except OSError as error:
            if not whole.is_full(error):
                raise
            if source.parent.name == self.checkpoint_dir:
                told = whole.words(error, target.name, "could not be restored and is as it was")
                raise HTTPError(INSUFFICIENT_STORAGE, told) from error
            told = whole.words(error, source.name, "is saved, but there is no room for a checkpoint of it")
            raise NoRoomForCheckpoint(INSUFFICIENT_STORAGE, told) from error
        with suppress(OSError):
            shutil.copystat(source, target)


class Contents(AsyncLargeFileManager):
    """Files that are written whole or not at all; notebooks can be opened and saved when signatures cannot be."""

    @default("checkpoints_class")
    def _without_loss(self) -> type:
        return Checkpoints

    @default("notary")
    def _notary_with_or_without_home(self) -> NotebookNotary:
        try:
            return NotebookNotary(parent=self)
        except OSError as error:
            self.log.warning("signatures of notebooks are kept until this server stops: %s", error)
            return NotebookNotary(parent=self, data_dir="", db_file=":memory:", secret=os.urandom(64))

    @contextmanager
    def atomic_writing(self, os_path: str, text: bool = True, encoding: str = "utf-8", **_more: Any) -> Iterator[Any]:
        """Give something to write to, and write the file from it."""
        content: io.StringIO | io.BytesIO = io.StringIO(newline="\n") if text else io.BytesIO()
        yield content
        value = content.getvalue()
        with self.perm_to_403(os_path):
            whole.write(Path(os_path), value.encode(encoding) if isinstance(value, str) else value)

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Save, and say what is the matter when there is no room."""
        try:
            return dict(await super().save(model, path))
        except NoRoomForCheckpoint as error:
            self.log.warning("%s", error.log_message)
            return dict(await self.get(path, content=False))
        except HTTPError as error:
            if isinstance(error.__cause__, OSError) and whole.is_full(error.__cause__):
                told = whole.words(error.__cause__, path.strip("/"))
                raise HTTPError(INSUFFICIENT_STORAGE, told) from error
            raise

    def check_and_sign(self, nb: Any, path: str = "", **more: Any) -> None:
        """Sign a notebook; it is saved also when its signature cannot be."""
        try:
            super().check_and_sign(nb, path, **more)
        except (OSError, sqlite3.Error) as error:
            self._without_signature(path, error)

    def mark_trusted_cells(self, nb: Any, path: str = "") -> None:
        """Look for a notebook's signature; it is opened also when nothing can be noted of that."""
        try:
            super().mark_trusted_cells(nb, path)
        except (OSError, sqlite3.Error) as error:
            self._without_signature(path, error)
            self.notary.mark_cells(nb, False)

    def _without_signature(self, path: str, error: Exception) -> None:
        self.log.warning("%s: its signature could not be kept: %s", path, error)
        # A key of no bytes, left where it could not be written, would be taken for the key from then on.
        key = Path(self.notary.secret_file)
        with suppress(OSError):
            if key.stat().st_size == 0:
                key.unlink()
