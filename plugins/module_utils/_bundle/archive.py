# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bundle as a file: a tar whose first members are the manifest and its signature, then every part by name.

Equal parts give equal bytes: members are sorted, belong to nobody and carry the bundle's own time.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from .._common import files
from . import model
from .model import BundleError, Manifest, Part

BLOCK = 1 << 20
LARGEST_HEAD_BYTES = 16 << 20
"""More is no manifest."""
AGAIN = "copy the bundle again, and compare it with the one that was made (sha256sum)"


def write(file: IO[bytes], manifest: Manifest, signature: bytes, folder: Path) -> None:
    """Write the bundle of the parts that lie below ``folder``; ``signature`` is empty where it is not signed."""
    time = int(datetime.strptime(manifest.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    with tarfile.TarFile(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in ((model.MANIFEST, model.render(manifest)), (model.SIGNATURE, signature)):
            if content:
                archive.addfile(_member(name, len(content), time), io.BytesIO(content))
        for part in sorted(manifest.parts, key=lambda one: one.path):
            with (folder / part.path).open("rb") as source:
                archive.addfile(_member(part.path, part.size, time), source)


def head(path: Path) -> tuple[Manifest, bytes, bytes]:
    """Return the manifest of a bundle, its bytes and its signature (empty: not signed), without reading the parts."""
    with _opened(path) as archive:
        return _head(archive)


def verify(path: Path, judge: Callable[[bytes, bytes], None]) -> tuple[Manifest, bytes]:
    """Read a whole bundle and return its manifest and the manifest's bytes, or raise BundleError.

    ``judge`` gets the manifest's bytes and the signature before anything of them is used, and raises BundleError where
    the signature is not good. Every part is compared with what the manifest says of it.
    """
    with _opened(path) as archive:
        manifest, content, _signature = _head(archive, judge)
        for _part, stream in _parts(archive, manifest):
            while stream.read(BLOCK):
                pass
    return manifest, content


def unpack(path: Path, manifest: Manifest, folder: Path, installed: Path | None) -> None:
    """Unpack the parts below ``folder``, which must not exist yet. After an error there is no ``folder``.

    ``manifest`` is the one that was verified; a part that differs from it raises BundleError, and so does a full disk.
    A part that the bundle in the folder ``installed`` has too is linked and not written again.
    """
    try:
        folder.mkdir(mode=0o755, parents=True)
        with _opened(path) as archive:
            _head(archive)
            for part, stream in _parts(archive, manifest):
                target = folder / part.path
                target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                if installed is not None and _same(installed / part.path, part):
                    target.hardlink_to(installed / part.path)
                    while stream.read(BLOCK):
                        pass
                    continue
                with files.creating(target, 0o644) as file:
                    shutil.copyfileobj(stream, file, BLOCK)
                    file.flush()
                    os.fsync(file.fileno())
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise BundleError(
                f"the disk became full while the bundle was unpacked below {folder.parent}; nothing of it was kept, "
                "and what was installed before is as it was. Make room and run again"
            ) from error
        raise


def checksum(path: Path) -> Part:
    """Return a file as a part, under the name that it has."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return Part(path.name, path.stat().st_size, digest.hexdigest())


class _Checked(io.RawIOBase):
    """Reads a member, and raises BundleError at its end where it is not the part that the manifest names."""

    def __init__(self, stream: IO[bytes], part: Part) -> None:
        super().__init__()
        self.stream, self.part = stream, part
        self.digest = hashlib.sha256()
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        block = self.stream.read(size)
        self.digest.update(block)
        if not block and not self.ended:
            self.ended = True
            if self.digest.hexdigest() != self.part.sha256:
                raise BundleError(f"{self.part.path} in the bundle is damaged: its SHA-256 is another; {AGAIN}")
        return block


def _parts(archive: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[Part, IO[bytes]]]:
    """Yield each part of the manifest with its content, which the caller reads to its end."""
    expected = {part.path: part for part in manifest.parts}
    for number, member in enumerate(archive):
        if number == 0 or (number == 1 and member.name == model.SIGNATURE):  # see _head
            continue
        part = expected.pop(member.name, None)
        stream = archive.extractfile(member) if member.isreg() else None
        if part is None or stream is None:
            raise BundleError(f"the bundle has {member.name!r}, which its manifest does not name; {AGAIN}")
        if member.size != part.size:
            raise BundleError(f"{part.path} in the bundle has {member.size} bytes instead of {part.size}; {AGAIN}")
        yield part, _Checked(stream, part)  # type: ignore[misc]
    if expected:
        raise BundleError(
            f"the bundle is not whole: {len(expected)} of its {len(manifest.parts)} parts are missing, "
            f"{min(expected)} first; {AGAIN}"
        )


def _head(
    archive: tarfile.TarFile, judge: Callable[[bytes, bytes], None] | None = None
) -> tuple[Manifest, bytes, bytes]:
    content, signature = _content(archive, archive.next(), model.MANIFEST), b""
    following = archive.next()
    if following is not None and following.name == model.SIGNATURE:
        signature = _content(archive, following, model.SIGNATURE)
    if judge is not None:
        judge(content, signature)
    return model.read(content), content, signature


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo | None, name: str) -> bytes:
    if member is None or member.name != name or not member.isreg() or member.size > LARGEST_HEAD_BYTES:
        raise BundleError("this is no bundle: it does not begin with a manifest; make one with playbooks/bundle.yml")
    stream = archive.extractfile(member)
    return stream.read() if stream is not None else b""


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except FileNotFoundError:
        raise BundleError(f"{path}: there is no such file; name the bundle that playbooks/bundle.yml made") from None
    except (tarfile.TarError, EOFError) as error:
        raise BundleError(f"{path} is no bundle or only a part of one ({error}); {AGAIN}") from None
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None


def _member(name: str, size: int, time: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, time, 0o644
    return member


def _same(path: Path, part: Part) -> bool:
    try:
        return path.stat().st_size == part.size and checksum(path).sha256 == part.sha256
    except OSError:
        return False
