# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Homes and the files in them. People own what lies there, so nothing is opened through a symbolic link."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .._common import files

Chown = Callable[[int, int, int], None]  # (file descriptor, uid, gid)
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Seen:
    """A home on the host: owner, permission bits, and the keys in ``.ssh/authorized_keys`` (None: not looked at).

    ``link`` is where a symbolic link in its place leads.
    """

    uid: int
    gid: int
    mode: int
    keys: tuple[str, ...] | None = None
    is_folder: bool = True
    link: str = ""


@dataclass(frozen=True)
class Homes:
    """Homes below a root folder; ``owner_of`` and ``chown`` are handed in for tests without root's rights."""

    root: Path
    chown: Chown = os.fchown
    owner_of: Callable[[os.stat_result], tuple[int, int]] = lambda status: (status.st_uid, status.st_gid)

    def look(self, home: str, with_keys: bool) -> Seen | None:
        """Return what a home is like, or None when there is none."""
        path = self.inside(home)
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        uid, gid = self.owner_of(status)
        keys = self._read_keys(path) if with_keys and stat.S_ISDIR(status.st_mode) else None
        link = str(path.readlink()) if stat.S_ISLNK(status.st_mode) else ""
        return Seen(uid, gid, stat.S_IMODE(status.st_mode), keys, stat.S_ISDIR(status.st_mode), link)

    def inside(self, path: str) -> Path:
        """Return where a path of the host lies below the root folder."""
        return self.root / path.lstrip("/")

    def create(self, home: str, skeleton: Skeleton, uid: int, gid: int) -> None:
        """Make a home as a copy of the skeleton, mode 0700; a half-made one of a run that died is made anew."""
        path = self.inside(home)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.labserver-new")
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(half)
        half.mkdir(mode=0o700)
        descriptor = os.open(half, FOLDER)
        try:
            for name, mode, content in skeleton.files:
                self._put(descriptor, name, mode, content, uid=uid, gid=gid)
            os.fchmod(descriptor, 0o700)
            self.chown(descriptor, uid, gid)
        finally:
            os.close(descriptor)
        half.rename(path)  # the home is there completely or not at all

    def _put(self, folder: int, name: str, mode: int, content: bytes | None, *, uid: int, gid: int) -> None:
        if content is None:
            os.mkdir(name, 0o700, dir_fd=folder)
            descriptor = os.open(name, FOLDER, dir_fd=folder)
            try:
                os.fchmod(descriptor, stat.S_IMODE(mode))
                self.chown(descriptor, uid, gid)
            finally:
                os.close(descriptor)
        elif stat.S_ISLNK(mode):
            os.symlink(content, name.encode(), dir_fd=folder)
        else:
            with files.creating_at(folder, name, stat.S_IMODE(mode)) as file:
                file.write(content)
                self.chown(file.fileno(), uid, gid)

    def close(self, home: str) -> None:
        """Take all rights on a home from people outside its group (as TLJH does)."""
        descriptor = os.open(self.inside(home), FOLDER)
        try:
            os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & ~0o007)
        finally:
            os.close(descriptor)

    def _read_keys(self, home: Path) -> tuple[str, ...] | None:
        path = home / ".ssh" / "authorized_keys"
        try:
            if path.parent.is_symlink():
                return None
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                text = stream.read(1 << 20).decode("utf-8", "surrogateescape")
        finally:
            os.close(descriptor)
        return tuple(line.strip() for line in text.splitlines())

    def place_keys(self, home: str, wanted: tuple[str, ...], before: tuple[str, ...], uid: int, gid: int) -> None:
        """Put the wanted keys into authorized_keys and take out those placed before; other lines stay.

        Raises OSError when ``.ssh`` is a symbolic link or belongs to somebody else, or the file is a link or a folder.
        """
        path = self.inside(home)
        lines = list(self._read_keys(path) or ())
        lines = [line for line in lines if line not in before or line in wanted]
        lines += [key for key in wanted if key not in lines]
        home_folder = os.open(path, FOLDER)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(".ssh", 0o700, dir_fd=home_folder)
                made = os.open(".ssh", FOLDER, dir_fd=home_folder)
                self.chown(made, uid, gid)
                os.close(made)
            folder = os.open(".ssh", FOLDER, dir_fd=home_folder)
            try:
                if self.owner_of(os.fstat(folder))[0] != uid:
                    raise PermissionError(f"{home}/.ssh does not belong to uid {uid}")
                with contextlib.suppress(FileNotFoundError):
                    if not stat.S_ISREG(os.stat("authorized_keys", dir_fd=folder, follow_symlinks=False).st_mode):
                        raise OSError(f"{home}/.ssh/authorized_keys is not a file")
                with files.replacing_at(folder, "authorized_keys") as file:
                    file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
                    self.chown(file.fileno(), uid, gid)
            finally:
                os.close(folder)
        finally:
            os.close(home_folder)


# What a start of Jupyter would make in a home, and could not in one that is full (jupyter_core's application.py): its
# folders, and the mark that nothing of an IPython of 2015 has to be copied. Images from elsewhere profit as well.
JUPYTER: tuple[tuple[str, int, bytes | None], ...] = (
    (".ipython", stat.S_IFDIR | 0o755, None),
    (".jupyter", stat.S_IFDIR | 0o755, None),
    (".jupyter/migrated", stat.S_IFREG | 0o644, b""),
    (".local", stat.S_IFDIR | 0o755, None),
    (".local/share", stat.S_IFDIR | 0o755, None),
    (".local/share/jupyter", stat.S_IFDIR | 0o700, None),
)


@dataclass(frozen=True)
class Skeleton:
    """The files of a new home: path relative to it, mode, content (None: a folder)."""

    files: tuple[tuple[str, int, bytes | None], ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Skeleton:
        """Read a skeleton folder; one that does not exist is empty."""
        found: list[tuple[str, int, bytes | None]] = []
        for parent, folders, names in os.walk(folder):
            for name in sorted(folders + names):
                path = Path(parent, name)
                mode = path.lstat().st_mode
                relative = str(path.relative_to(folder))
                if stat.S_ISLNK(mode):
                    found.append((relative, mode, os.fsencode(path.readlink())))
                elif stat.S_ISDIR(mode):
                    found.append((relative, mode, None))
                elif stat.S_ISREG(mode):
                    found.append((relative, mode, path.read_bytes()))
        return cls(tuple(found))

    def for_jupyter(self) -> Skeleton:
        """Return the skeleton with what Jupyter needs in a home; what the skeleton has itself stays."""
        there = {name for name, _mode, _content in self.files}
        blocked = {name for name, mode, _content in self.files if not stat.S_ISDIR(mode)}
        more = [
            one for one in JUPYTER if one[0] not in there and not any(one[0].startswith(f"{name}/") for name in blocked)
        ]
        return Skeleton((*self.files, *more))
