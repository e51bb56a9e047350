# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the readers of facts share: the handle of the host, and questions that cannot hang or fail."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable  # noqa: UP035  # collections.abc's cannot be subscripted by old Pythons

from .._common import mounts, process
from .._common.docker_api import SOCKET, DockerEngine
from .model import File

COMMAND_SECONDS = 3.0
ENGINE_SECONDS = 4.0
MOST_BYTES = 1 << 18
MOST_ENTRIES = 20000
REMOTE = frozenset({"cifs", "smb3", "nfs", "nfs4", "autofs", "ceph", "9p", "fuse.sshfs"})


def run(*argv: str) -> str:
    """Return what a command says, nothing when it fails or is not there."""
    done = process.call(argv, COMMAND_SECONDS, environment={"LC_ALL": "C"})
    return done.output.decode("utf-8", "replace") if done.status == 0 else ""


@dataclass(frozen=True)
class World:
    """The host: all that is read goes through here. ``root`` is another folder in tests."""

    root: Path = Path("/")
    proc: Path = Path("/proc")
    engine: Any = field(default_factory=lambda: DockerEngine(SOCKET, ENGINE_SECONDS))
    run: Callable[..., str] = run
    now: Callable[[], float] = time.time

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def text(self, name: str, most: int = MOST_BYTES) -> str:
        """Return the beginning of a file, nothing when it cannot be read."""
        return self.content(name, most).decode("utf-8", "replace")

    def content(self, name: str, most: int = MOST_BYTES) -> bytes:
        try:
            with self.path(name).open("rb") as file:
                return file.read(most)
        except OSError:
            return b""

    def lines(self, name: str) -> list[str]:
        """Return the lines of a configuration file without comments and empty ones."""
        lines = (line.strip() for line in self.text(name).splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def listed(self, folder: str, pattern: str = "*") -> list[str]:
        """Return the paths of a folder that match, as they are called on the host."""
        try:
            found = sorted(self.path(folder).glob(pattern))
        except OSError:
            return []
        return ["/" + str(path.relative_to(self.root)) for path in found]

    def status(self, name: str) -> os.stat_result | None:
        try:
            return self.path(name).stat()
        except OSError:
            return None

    def mounts(self) -> tuple[mounts.Mount, ...]:
        try:
            return mounts.read(self.proc / "self/mountinfo")
        except OSError:
            return ()

    def remote(self, folder: str) -> bool:
        """Return whether a folder lies on a server of the network: what asks for it may hang."""
        found = mounts.holding(folder, self.mounts())
        return found is not None and found.fstype in REMOTE

    def file(self, name: str, purpose: str, fault: str = "") -> File | None:
        """Return how a file may be read and written, None where there is none."""
        seen = self.status(name)
        if seen is None or not stat.S_ISREG(seen.st_mode):
            return None
        above = [self.status(str(folder)) for folder in Path(os.path.realpath(self.path(name))).parents]
        within = [status for status in above if status is not None]
        if self.root != Path("/"):
            within = within[: len(Path(name).parents) - 1]
        reachable = all(status.st_mode & 0o001 for status in within)
        return File(
            name, seen.st_mode & 0o7777, seen.st_uid, seen.st_gid, seen.st_size, reachable, purpose=purpose, fault=fault
        )

    def walk(self, folder: str, deep: int) -> Iterator[str]:
        """Yield the files of a folder, ``deep`` levels down and a bounded number of them."""
        base = self.path(folder)
        left = MOST_ENTRIES
        for here, folders, names in os.walk(base):
            if len(Path(here).relative_to(base).parts) >= deep:
                folders.clear()
            for name in names:
                left -= 1
                if left < 0:
                    return
                yield "/" + str((Path(here) / name).relative_to(self.root))

    def processes(self) -> Iterator[Path]:
        """Yield the folders of all processes."""
        try:
            yield from (path for path in self.proc.iterdir() if path.name.isdigit())
        except OSError:
            return

    def command(self, process_folder: Path) -> list[str]:
        """Return the words of a process's command line."""
        try:
            return (process_folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
        except OSError:
            return []
