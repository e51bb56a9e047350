# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of homes: a tar file, its checksum and manifest; and the removal of a home once the archive is verified."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from .._common import files, mounts, process, sizes, tree, words
from . import tarball

VERSION = 1
MOST = 300
"""Characters of an error that are told: a path may be longer than any page."""


class ArchiveError(Exception):
    """A home could not be archived or the archive is not what it should be; the home is as it was."""


@dataclass(frozen=True)
class Archive:
    """An archive of a home: the tar file, below the archive folder. The manifest beside it ends with ``.json``."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def checksum(self) -> Path:
        return self.path.with_name(f"{self.path.name}.sha256")


def compressor() -> tuple[str, list[str]]:
    """Return the suffix and the command of the best compressor that is there: zstd, else gzip."""
    if shutil.which("zstd"):
        return "zst", ["zstd", "-q", "-T0"]
    return "gz", ["gzip"]


def allocated(home: Path) -> int:
    """Return the bytes that the files below a home take on the disk; holes take none. Raises OSError."""
    return sum(min(entry.status.st_size, entry.status.st_blocks * 512) for entry in tree.walk(home))


def make(home: Path, folder: Path, name: str, now: datetime, facts: Mapping[str, Any]) -> Archive:
    """Archive a home and verify the archive against it; raises ArchiveError and leaves nothing half-made behind.

    The file appears under its final name only after it was compared with the home.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        size, free = allocated(home), shutil.disk_usage(folder).free
    except OSError as error:
        raise ArchiveError(f"{home} cannot be read: {_told(error)}") from error
    if size > free:
        raise ArchiveError(
            f"{home} takes {sizes.text(size)}, but {folder} has {sizes.text(free)} free; make room or set "
            "accounts_archive_folder to a larger file system"
        )
    suffix, command = compressor()
    final = folder / f"{name}-{now:%Y%m%dT%H%M%SZ}.tar.{suffix}"
    part = final.with_name(f".{final.name}.part")
    try:
        part.unlink(missing_ok=True)
        entries, content = _write(home, part, command)
        _compare(home, part, [command[0], "-d", "-c"])
        archive, checksum = Archive(final), _sha256(part)
        manifest = {
            **facts,
            "version": VERSION,
            "archived": now.isoformat(timespec="seconds"),
            "home": str(home),
            "archive": final.name,
            "compression": command[0],
            "entries": entries - 1,  # those below the home, without the home itself
            "content_bytes": content,
            "archive_bytes": part.stat().st_size,
            "sha256": checksum,
            "verified": True,
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        files.replace(archive.manifest, text.encode(), 0o600)
        files.replace(archive.checksum, f"{checksum}  {final.name}\n".encode(), 0o600)
        part.replace(final)
        files.sync_folder(folder)  # the home may be deleted next, on another disk
    except OSError as error:
        raise ArchiveError(f"{home} cannot be archived to {folder}: {_told(error)}") from error
    finally:
        part.unlink(missing_ok=True)
    return archive


def verify(archive: Archive, home: Path) -> str | None:
    """Return why an archive does not hold what the home holds now, or None when it does."""
    try:
        manifest = json.loads(archive.manifest.read_text(encoding="utf-8"))
        if _sha256(archive.path) != manifest["sha256"]:
            return f"{archive.path} does not have the checksum of its manifest"
        _compare(home, archive.path, [str(manifest["compression"]), "-d", "-c"])
    except (OSError, ValueError, KeyError) as error:
        return f"{archive.path} cannot be read: {str(error)[:MOST]}"
    except ArchiveError as error:
        return str(error)
    return None


def remove_home(home: Path) -> None:
    """Delete a home; raises ArchiveError."""
    try:
        tree.remove(home)
    except OSError as error:
        raise ArchiveError(f"{home} cannot be deleted: {_told(error)}") from error


def refuse_mounts(home: str, mounted: Iterable[mounts.Mount]) -> None:
    """Raise ArchiveError when something is mounted at a home or below it, which therefore cannot be deleted."""
    for mount in mounts.below(home, mounted):
        raise ArchiveError(f"{mount.target} is a mount point, so {home} is not deleted; unmount it first")


def _write(home: Path, part: Path, command: list[str]) -> tuple[int, int]:
    """Write the compressed archive; returns the number of entries and the bytes of content."""
    # It has no limit of time: it works as long as this process feeds it, and a home may be large.
    with files.creating(part) as out, process.started(command, stdin=process.PIPE, stdout=out) as squeeze:
        pipe = _pipe(squeeze.stdin)
        try:
            counted = tarball.write(home, pipe)
            pipe.close()
        except BrokenPipeError:
            raise ArchiveError(f"{command[0]} ended with {squeeze.wait()} while it wrote {part}") from None
        except tarball.TarError as error:
            raise ArchiveError(f"{home}: {error}") from error
        status = squeeze.wait()
        if status != 0:
            raise ArchiveError(f"{command[0]} ended with {status} while it wrote {part}; is the disk full?")
        out.flush()
        os.fsync(out.fileno())
    return counted


def _compare(home: Path, archive: Path, command: list[str]) -> None:
    """Compare everything in an archive with the home."""
    with archive.open("rb") as packed, process.started(command, stdin=packed, stdout=process.PIPE) as unpack:
        try:
            tarball.compare(home, _pipe(unpack.stdout))
        except tarball.TarError as error:
            raise ArchiveError(f"{archive.name} differs from {home}: {error}") from error
        status = unpack.wait()
    if status != 0:
        raise ArchiveError(f"{archive.name} cannot be unpacked: {command[0]} ended with {status}")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _told(error: OSError) -> str:
    """Return an error's words without paths of any length in them."""
    return words.clean(error.strerror or error, MOST)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ArchiveError("a pipe to the compressor is missing")
    return stream
