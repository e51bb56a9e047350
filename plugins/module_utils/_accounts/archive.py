# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of homes: a tar file, its checksum and manifest; and the removal of a home once that is verified."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from .store import sync_folder

VERSION = 1
CHUNK = 1 << 20


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


def count(home: Path) -> tuple[int, int]:
    """Return the number of entries and the sum of file sizes in bytes below a home."""
    entries = size = 0
    for parent, folders, files in os.walk(home):
        entries += len(folders) + len(files)
        for name in files:
            status = os.lstat(Path(parent, name))
            size += status.st_size
    return entries, size


def make(home: Path, folder: Path, name: str, now: datetime, facts: Mapping[str, Any]) -> Archive:
    """Archive a home and verify the archive against it; raises ArchiveError and leaves nothing half-made behind.

    The file appears under its final name only after it was compared with the home.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    entries, size = count(home)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ArchiveError(
            f"{home} holds {size / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB free; make room or set "
            "accounts_archive_folder to a larger file system"
        )
    suffix, command = compressor()
    final = folder / f"{name}-{now:%Y%m%dT%H%M%SZ}.tar.{suffix}"
    part = final.with_name(f".{final.name}.part")
    try:
        checksum = _write(home, part, command)
        _compare(home, part, [command[0], "-d", "-c"])
        if _sha256(part) != checksum:
            raise ArchiveError(f"{part} does not read back as it was written; is the disk broken?")
        archive = Archive(final)
        manifest = {
            **facts,
            "version": VERSION,
            "archived": now.isoformat(timespec="seconds"),
            "home": str(home),
            "archive": final.name,
            "compression": command[0],
            "entries": entries,
            "content_bytes": size,
            "archive_bytes": part.stat().st_size,
            "sha256": checksum,
            "verified": True,
        }
        _small(archive.manifest, json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        _small(archive.checksum, f"{checksum}  {final.name}\n")
        part.replace(final)
        sync_folder(folder)  # the home may be deleted next, on another disk
    except OSError as error:
        raise ArchiveError(f"{home} cannot be archived to {folder}: {error}") from error
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
        return f"{archive.path} cannot be read: {error}"
    except ArchiveError as error:
        return str(error)
    return None


def remove_home(home: Path, mounts: str) -> None:
    """Delete a home. Raises ArchiveError when something is mounted below it (``mounts``: /proc/self/mountinfo)."""
    for line in mounts.splitlines():
        place = line.split()[4].encode().decode("unicode_escape") if len(line.split()) > 4 else ""
        if place == str(home) or place.startswith(f"{home}/"):
            raise ArchiveError(f"{place} is a mount point, so {home} is not deleted; unmount it first")
    shutil.rmtree(home)


def _tar(home: Path, *arguments: str) -> list[str]:
    return ["tar", *arguments, "--numeric-owner", "--xattrs", "--acls", "--sparse", "-C", str(home.parent)]


def _write(home: Path, part: Path, command: list[str]) -> str:
    digest = hashlib.sha256()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    # Not a pipe: tar tells of every socket, and would wait for ever when nobody reads while it works.
    with os.fdopen(descriptor, "wb") as out, tempfile.TemporaryFile() as told:
        tar = subprocess.Popen(
            [*_tar(home, "--create"), "--one-file-system", "--", home.name],
            stdout=subprocess.PIPE,
            stderr=told,
            env={**os.environ, "LC_ALL": "C"},
        )
        squeeze = subprocess.Popen(command, stdin=tar.stdout, stdout=subprocess.PIPE)
        _pipe(tar.stdout).close()
        stream = _pipe(squeeze.stdout)
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
        stream.close()
        status = tar.wait(), squeeze.wait()
        if status != (0, 0):
            told.seek(0)
            message = told.read(65536).decode(errors="replace").strip()
            raise ArchiveError(f"tar of {home} ended with {status[0]}, {command[0]} with {status[1]}: {message[:500]}")
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _compare(home: Path, archive: Path, command: list[str]) -> None:
    """Let tar compare every file of an archive with the home, and the number of entries."""
    with archive.open("rb") as packed:
        unpack = subprocess.Popen(command, stdin=packed, stdout=subprocess.PIPE)
        compared = subprocess.run(
            [*_tar(home, "--compare", "--verbose"), "--file=-"],
            stdin=unpack.stdout,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
        _pipe(unpack.stdout).close()
        status = unpack.wait()
    if compared.returncode != 0 or status != 0:
        told = (compared.stderr or compared.stdout).decode(errors="replace").strip().splitlines()
        raise ArchiveError(f"{archive.name} differs from {home}: {'; '.join(told[-3:])}")
    names = [line for line in compared.stdout.splitlines() if line]
    expected = _entries(home)
    if len(names) != expected:
        raise ArchiveError(f"{archive.name} has {len(names)} entries, but {home} {expected}")


def _entries(home: Path) -> int:
    """Return the number of entries that tar keeps: all but sockets, and not what other file systems hold."""
    device = home.lstat().st_dev
    number = 1
    pending = [home]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if (status.st_mode & 0o170000) == 0o140000:
                    continue
                number += 1
                if entry.is_dir(follow_symlinks=False) and status.st_dev == device:
                    pending.append(Path(entry.path))
    return number


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _small(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ArchiveError("a pipe to tar is missing")
    return stream
