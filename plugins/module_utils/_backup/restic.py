# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The repository of the backups: restic, and the promise never to mistake an empty place for it.

A repository on a share that is away looks like an empty folder. So the identity of the repository is recorded when it
is made, and a place without it is an error from then on, not a reason to begin anew.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import files
from .model import TAG, Settings

IDENTITY = Path("/etc/labserver/backup/repository-id")
CACHE = "/var/cache/labserver/restic"
NOT_MOUNTED = "nothing is mounted"


class RepositoryError(Exception):
    """The repository cannot be used, or restic failed."""


@dataclass(frozen=True)
class Done:
    """What a call of restic left."""

    code: int
    out: str
    error: str

    @property
    def last_words(self) -> str:
        """The last lines of what it complained of."""
        return "; ".join(line for line in self.error.splitlines() if line.strip())[-600:]

    def documents(self) -> list[dict[str, Any]]:
        """The JSON documents of its output, one a line."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


def run_restic(settings: Settings) -> Callable[[Sequence[str]], Done]:
    """Return what calls restic. The password is in the environment, which only root can read, not in the arguments."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "HOME": "/root",
        "RESTIC_CACHE_DIR": CACHE,
        "RESTIC_PROGRESS_FPS": "0.1",
        **settings.environment,
        "RESTIC_REPOSITORY": settings.repository,
        "RESTIC_PASSWORD": settings.password,
    }

    def run(words: Sequence[str]) -> Done:
        try:
            done = subprocess.run(["restic", *words], env=environment, capture_output=True, text=True, check=False)
        except OSError as error:
            raise RepositoryError(f"restic cannot be run: {error.strerror}; run the role backup again") from error
        return Done(done.returncode, done.stdout, done.stderr)

    return run


class Repository:
    """One repository. ``mounts`` tells the mount points of the host, ``identity`` is the file with the recorded id."""

    def __init__(
        self,
        settings: Settings,
        run: Callable[[Sequence[str]], Done],
        mounts: Callable[[], Sequence[str]],
        identity: Path = IDENTITY,
    ) -> None:
        self.settings, self.run, self.mounts, self.identity = settings, run, mounts, identity

    def call(self, *words: str, fine: Sequence[int] = (0,)) -> Done:
        """Call restic; raises RepositoryError when it ends with another status than those that are ``fine``."""
        done = self.run(words)
        if done.code not in fine:
            raise RepositoryError(f"restic {words[0]}: {done.last_words or f'exit status {done.code}'}")
        return done

    def open(self) -> None:
        """Make sure that the recorded repository is there. Raises RepositoryError."""
        found, why = self._found()
        recorded = self._recorded()
        if not recorded:
            raise RepositoryError("no repository was made yet; run the role backup")
        if not found:
            raise RepositoryError(
                f"the repository is not there ({why}); is its disk or share mounted, its server up? Nothing was "
                f"written. When it is lost for good, remove {self.identity} and run the role backup: it makes a new one"
            )
        if found != recorded:
            raise RepositoryError(
                f"there is another repository ({found[:8]}) than the one of the earlier backups ({recorded[:8]}); give "
                f"the right place, or remove {self.identity} to use this one from now on"
            )

    def make(self) -> bool:
        """Make the repository, or take over the one that is there; returns whether anything was done."""
        if self._recorded():
            self.open()
            return False
        found, why = self._found()
        if why.startswith(NOT_MOUNTED):
            raise RepositoryError(f"{why}; mount it first: a repository is not made in the empty folder below")
        if not found:
            done = self.run(["init"])
            if done.code:
                raise RepositoryError(f"no repository can be made ({done.last_words}); before that: {why}")
            found, why = self._found()
        if not found:
            raise RepositoryError(f"the new repository cannot be read: {why}")
        files.replace(self.identity, f"{found}\n".encode(), 0o600)
        return True

    def snapshots(self) -> list[dict[str, Any]]:
        """Return this host's snapshots, oldest first."""
        done = self.call("snapshots", "--json", "--host", self.settings.host, "--tag", TAG)
        return list(json.loads(done.out or "[]") or [])

    def _recorded(self) -> str:
        return self.identity.read_text(encoding="utf-8").strip() if self.identity.exists() else ""

    def _found(self) -> tuple[str, str]:
        """Return the id of the repository that is there, and if there is none, why."""
        point = self.settings.mount_point
        if point and point not in self.mounts():
            return "", f"{NOT_MOUNTED} at {point}"
        done = self.run(["cat", "config"])
        if done.code:
            return "", done.last_words
        return str(json.loads(done.out)["id"]), ""
