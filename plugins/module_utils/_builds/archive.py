# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the archive that a person's build made, and writes the layer of an image from it.

The archive is the person's, so nothing in it is believed: it is read once, front to back, a block of 512 bytes at a
time, and what is written is made anew. Only plain files, folders and symbolic links are taken, below one folder of the
image, with root as their owner and without any right but to be read, entered and run.

``tarfile`` reads each header by itself here (its documented ``frombuf``) and never goes on from one to the next: pax
headers and sparse files, whose readers take sizes from the archive, are refused before they are looked into.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, cast

BLOCK = 512
LONGEST_PATH = 1000
LONGEST_PART = 240
DEEPEST = 60
MOST_ENTRIES = 300_000
"""An environment with PyTorch has 30,000."""
MOST_NAMES = 64 << 20
"""Bytes of all paths together, which are held in memory."""
LAST_TIME = 1 << 32
"""Seconds since 1970; later ones are of nobody's clock."""
WHITEOUT = ".wh."
"""So begins a name in a layer that removes something of the layers below it (OCI image specification, layers)."""
PYTHON = re.compile(r"bin/python(3(\.[0-9]+)?)?")
BASE_PYTHON = re.compile(r"(/[A-Za-z0-9._-]+){1,10}/python(3(\.[0-9]+)?)?")
"""A venv's Python is a link to the one it was made with."""
LONG_NAMES = {tarfile.GNUTYPE_LONGNAME: "name", tarfile.GNUTYPE_LONGLINK: "linkname"}
KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
    tarfile.XHDTYPE: "a header of the pax format",
    tarfile.XGLTYPE: "a header of the pax format",
    tarfile.SOLARIS_XHDTYPE: "a header of the pax format",
}


class ArchiveError(Exception):
    """The archive cannot become a layer; the text says why and names the entry."""


@dataclass(frozen=True)
class Bounds:
    """What a layer may hold: bytes of its files together, and entries."""

    most_bytes: int
    most_entries: int = MOST_ENTRIES


@dataclass(frozen=True)
class Written:
    """What a layer holds."""

    size_bytes: int
    entries: int


def shown(name: str) -> str:
    """Return a name from the archive as messages have it: short, and without anything that is not printed."""
    plain = "".join(char if char.isprintable() else "?" for char in name[:120])
    return repr(plain)


class _Reader:
    """The entries of an archive, one after the other."""

    def __init__(self, source: IO[bytes]):
        self._source = source

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._source.read(size)
            if not part:
                raise ArchiveError("the archive ends too early")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _header(self) -> tarfile.TarInfo | None:
        block = self._exactly(BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise ArchiveError(f"a header of the archive is damaged ({error})") from error

    def entry(self) -> tarfile.TarInfo | None:
        """Return the next entry with its whole name, None at the end; its content has to be read before the next."""
        long: dict[str, str] = {}
        while (found := self._header()) is not None:
            if found.size < 0:
                raise ArchiveError(f"the size of {shown(found.name)} is less than nothing")
            which = LONG_NAMES.get(found.type)
            if which is None:
                break
            if which in long or found.size > LONGEST_PATH + BLOCK:
                raise ArchiveError(f"a name in the archive is longer than {LONGEST_PATH} bytes")
            raw = self._exactly(found.size + -found.size % BLOCK)[: found.size]
            long[which] = raw.rstrip(b"\0").decode("utf-8", "surrogateescape")
        else:
            if long:
                raise ArchiveError("the archive ends too early")
            return None
        for which, text in long.items():
            setattr(found, which, text)
        return found

    def read(self, size: int) -> bytes:
        """Return so much of the content of a file, which ``tarfile`` asks for while it writes it."""
        return self._exactly(size)

    def skip_padding(self, size: int) -> None:
        """Go to the end of the last block of a file of this size."""
        self._exactly(-size % BLOCK)


class _Tree:
    """The names that a layer has so far; each stands in a folder that was written before it."""

    def __init__(self) -> None:
        self._folders = {""}
        self._names: set[str] = set()
        self._bytes = 0

    def take(self, name: str, *, folder: bool) -> None:
        self._bytes += len(name)
        if self._bytes > MOST_NAMES:
            raise ArchiveError(f"its paths have more than {MOST_NAMES} bytes together")
        if name in self._names or name in self._folders:
            raise ArchiveError(f"{shown(name)} is in the archive twice")
        # So nothing is ever written through a link, whatever it leads to.
        if posixpath.dirname(name) not in self._folders:
            raise ArchiveError(f"{shown(name)} does not lie in a folder of the archive")
        (self._folders if folder else self._names).add(name)


def checked_name(given: str) -> str:
    """Return the path of an entry, relative to the environment; empty for the environment's own folder."""
    name = given.removeprefix("./").rstrip("/")
    if name in ("", "."):
        return ""
    parts = name.split("/")
    if given.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ArchiveError(f"{shown(given)} leads out of the environment")
    try:
        length = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        raise ArchiveError(f"{shown(given)} is not UTF-8") from None
    if not name.isprintable():
        raise ArchiveError(f"{shown(given)} has characters that cannot be shown")
    if len(name.encode()) > LONGEST_PATH or length > LONGEST_PART or len(parts) > DEEPEST:
        raise ArchiveError(f"the path {shown(given)} is too long")
    if any(part.startswith(WHITEOUT) for part in parts):
        raise ArchiveError(f"{shown(given)} would remove something of the image below it")
    return name


def checked_link(name: str, target: str) -> str:
    """Return where a symbolic link leads: to something in the environment, or from its Python to the image's."""
    if PYTHON.fullmatch(name) and BASE_PYTHON.fullmatch(target) and ".." not in target.split("/"):
        return target
    if not target or not target.isprintable() or len(target) > LONGEST_PATH:
        raise ArchiveError(f"the link {shown(name)} leads to no path")
    where = posixpath.normpath(posixpath.join("/e", posixpath.dirname(name), target))
    # A link to a link could lead further up than its text says, so steps up are taken at the beginning only.
    steps = target.split("/")
    below = steps[next((index for index, step in enumerate(steps) if step != ".."), len(steps)) :]
    if target.startswith("/") or ".." in below or not (where == "/e" or where.startswith("/e/")):
        raise ArchiveError(f"the link {shown(name)} leads out of the environment, to {shown(target)}")
    return target


def _made(path: str, kind: bytes, mode: int, mtime: float = 0) -> tarfile.TarInfo:
    """Return an entry of the layer: root's, with nothing that was not asked for."""
    made = tarfile.TarInfo(path)
    made.type, made.mode, made.mtime = kind, mode, int(min(max(mtime, 0), LAST_TIME))
    return made


def _add_own(layer: tarfile.TarFile, path: str, content: bytes) -> None:
    parts = path.split("/")
    for count in range(3, len(parts)):
        layer.addfile(_made("/".join(parts[:count]), tarfile.DIRTYPE, 0o755))
    made = _made(path, tarfile.REGTYPE, 0o644)
    made.size = len(content)
    layer.addfile(made, io.BytesIO(content))


def write_layer(
    source: IO[bytes], target: IO[bytes], root: str, bounds: Bounds, own: Mapping[str, bytes] | None = None
) -> Written:
    """Read the archive ``source`` and write a layer to ``target``, with everything in the folder ``root``.

    ``root`` is a path without a slash at its ends, such as ``opt/lab/physics``. ``own`` are files of the host's, with
    their content; their folders are made. Raises ArchiveError for whatever is in
    the archive and has no place in a layer; what was written by then is to be thrown away. OSError is not caught.
    """
    reader, tree = _Reader(source), _Tree()
    size = entries = 0
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT, encoding="utf-8") as layer:
        parts = root.split("/")
        for count in range(2, len(parts) + 1):  # the first is a folder of the image below
            layer.addfile(_made("/".join(parts[:count]), tarfile.DIRTYPE, 0o755))
        for path, content in sorted((own or {}).items()):
            _add_own(layer, path, content)
        while (found := reader.entry()) is not None:
            entries += 1
            if entries > bounds.most_entries:
                raise ArchiveError(f"it has more than {bounds.most_entries} files and folders")
            if found.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE):
                kind = KINDS.get(found.type, "of a kind that is not known")
                raise ArchiveError(f"{shown(found.name)} is {kind}")
            name = checked_name(found.name)
            folder = found.type == tarfile.DIRTYPE
            plain = found.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
            if found.size and not plain:
                raise ArchiveError(f"{shown(found.name)} is no file and has a content")
            if not name:
                if not folder:
                    raise ArchiveError("the environment is no folder")
                continue
            tree.take(name, folder=folder)
            path = f"{root}/{name}"
            if folder:
                layer.addfile(_made(path, tarfile.DIRTYPE, 0o755, found.mtime))
            elif plain:
                size += found.size
                if size > bounds.most_bytes:
                    raise ArchiveError(f"its files have more than {bounds.most_bytes} bytes")
                made = _made(path, tarfile.REGTYPE, 0o755 if found.mode & 0o100 else 0o644, found.mtime)
                made.size = found.size
                layer.addfile(made, cast("IO[bytes]", reader))
                reader.skip_padding(found.size)
            else:
                made = _made(path, tarfile.SYMTYPE, 0o777, found.mtime)
                made.linkname = checked_link(name, found.linkname)
                layer.addfile(made)
            layer.members.clear()  # type: ignore[attr-defined]  # it would keep an object for each
    return Written(size, entries)
