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
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import files, outgoing, process
from .model import ANY, INCOMPLETE, TAG, Settings

IDENTITY = "/etc/labserver/backup/repository-id"
CACHE = "/var/cache/labserver/restic"
# Why a repository cannot be opened.
NOT_MOUNTED, ABSENT, WRONG_PASSWORD, UNREACHABLE = "not mounted", "absent", "wrong password", "unreachable"
NOWHERE = ("no such file", "not exist", "404")  # in the words of the backends that there is no file
REFUSED = (
    "the repository is there, and backup_password is not its password; give the password that it was made with (restic "
    "key add and key passwd change it). Nothing was written"
)
IN_USE = "repository is already locked"
LOCKED = (
    "another run works in the repository, on this host or on another one; try again when it has ended (what a killed "
    "run of another host left is free after half an hour): "
)


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


@dataclass(frozen=True)
class Found:
    """The repository that is there; otherwise ``state`` says what is the matter, and ``why`` in restic's words."""

    id: str
    state: str = ""
    why: str = ""


def run_restic(settings: Settings) -> Callable[[Sequence[str]], Done]:
    """Return what calls restic. The password is in the environment, which only root can read, not in the arguments."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "HOME": "/root",
        "RESTIC_CACHE_DIR": CACHE,
        "RESTIC_PROGRESS_FPS": "0.1",
        **outgoing.environment(),
        **settings.environment,
        "RESTIC_REPOSITORY": settings.repository,
        "RESTIC_PASSWORD": settings.password,
    }

    def run(words: Sequence[str]) -> Done:
        # A backup takes as long as it takes: the limit is that of the job, which ends what it started.
        done = process.call(["restic", *words], None, environment=environment, inherit=False)
        if done.status in (process.NOT_FOUND, process.NOT_STARTED):
            raise RepositoryError(f"restic cannot be run: {done.reason}; run the role backup again")
        return Done(done.status, done.output.decode("utf-8", "replace"), done.errors.decode("utf-8", "replace"))

    return run


class Repository:
    """One repository. ``mounts`` tells the mount points of the host, ``identity`` is the file with the recorded id."""

    def __init__(
        self,
        settings: Settings,
        run: Callable[[Sequence[str]], Done],
        mounts: Callable[[], Sequence[str]],
        identity: Path = Path(IDENTITY),
    ) -> None:
        self.settings, self.run, self.mounts, self.identity = settings, run, mounts, identity

    def call(self, *words: str, fine: Sequence[int] = (0,)) -> Done:
        """Call restic; raises RepositoryError when it ends with another status than those that are ``fine``."""
        done = self.run(words)
        if done.code not in fine:
            told = LOCKED if IN_USE in done.error else ""
            said = outgoing.explained(done.last_words)
            raise RepositoryError(f"restic {words[0]}: {told}{said or f'exit status {done.code}'}")
        return done

    def open(self) -> None:
        """Make sure that the recorded repository is there, and free of what runs that died left.

        Raises RepositoryError.
        """
        recorded = self._recorded()
        if not recorded:
            raise RepositoryError("no repository was made yet; run the role backup")
        found = self._found()
        if found.state == WRONG_PASSWORD:
            raise RepositoryError(REFUSED)
        if found.state == ABSENT:
            raise RepositoryError(
                f"the repository is not there ({found.why}); is its disk or share mounted, its place right? Nothing "
                f"was written. Only if it is lost for good, remove {self.identity} and run the role backup: it makes a "
                "new one"
            )
        if found.state:
            raise RepositoryError(
                f"the repository cannot be reached ({outgoing.explained(found.why)}); nothing was written"
            )
        if found.id != recorded:
            raise RepositoryError(
                f"there is another repository ({found.id[:8]}) than the one of the earlier backups ({recorded[:8]}); "
                f"give the right place, or remove {self.identity} to use this one from now on"
            )
        # Locks of runs that were killed are removed, those of live ones are kept. Where none may be removed, what needs
        # it says so.
        self.run(["unlock"])

    def reach(self) -> str:
        """Return the id of the repository that is there, recorded or not; raises RepositoryError. Writes nothing."""
        found = self._found()
        if found.state == WRONG_PASSWORD:
            raise RepositoryError(REFUSED)
        if found.state == NOT_MOUNTED:
            raise RepositoryError(f"{found.why}; mount the disk or share with the backups first")
        if found.state == ABSENT:
            raise RepositoryError(
                f"there is no repository at {self.settings.repository} ({found.why}); is the place right?"
            )
        if found.state:
            raise RepositoryError(f"the repository cannot be reached ({found.why})")
        return found.id

    def make(self) -> bool:
        """Make the repository, or take over the one that is there; returns whether anything was done."""
        if self._recorded():
            self.open()
            return False
        found = self._found()
        if found.state == WRONG_PASSWORD:
            raise RepositoryError(REFUSED)
        if found.state == NOT_MOUNTED:
            raise RepositoryError(f"{found.why}; mount it first: a repository is not made in the empty folder below")
        if found.state:  # restic makes none where there is one
            done = self.run(["init"])
            if done.code:
                raise RepositoryError(f"no repository can be made ({done.last_words}); before that: {found.why}")
            found = self._found()
        if found.state:
            raise RepositoryError(f"the repository cannot be read: {found.why}")
        files.replace(self.identity, f"{found.id}\n".encode(), 0o600)
        return True

    def snapshots(self, complete: bool = False) -> list[dict[str, Any]]:
        """Return this host's snapshots, oldest first; with ``complete`` only those in which nothing is missing."""
        tags = ("--tag", TAG) if complete else ANY
        done = self.call("snapshots", "--json", "--host", self.settings.host, *tags)
        return list(json.loads(done.out or "[]") or [])

    def mark_incomplete(self, snapshot: str) -> str:
        """Mark a snapshot in which something is missing; returns its id, which is another one then."""
        before = {found["id"] for found in self.snapshots()}
        self.call("tag", "--set", INCOMPLETE, snapshot)
        return next((str(found["id"]) for found in self.snapshots() if found["id"] not in before), snapshot)

    def _recorded(self) -> str:
        return self.identity.read_text(encoding="utf-8").strip() if self.identity.exists() else ""

    def _found(self) -> Found:
        """Return the repository that is there, or why there is none."""
        point = self.settings.mount_point
        if point and point not in self.mounts():
            return Found("", NOT_MOUNTED, f"nothing is mounted at {point}")
        # Without a lock: one that a killed run left would make the repository look as if it could not be reached.
        done = self.run(["cat", "config", "--no-lock"])
        if not done.code:
            return Found(str(json.loads(done.out)["id"]))
        return Found("", trouble(done), done.last_words)


def made(snapshot: Mapping[str, Any]) -> datetime:
    """Return when a snapshot was made. restic writes the time with nanoseconds, which Python does not read."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", snapshot["time"]))


def trouble(done: Done) -> str:
    """Return what keeps a repository from being opened.

    Exit statuses 10 and 12 are those of restic from 0.17 on; before, only its words tell. It says "unable to open
    config file" of a server that is down as well.
    """
    if done.code == 12 or "wrong password or no key found" in done.error:
        return WRONG_PASSWORD
    if done.code == 10 or ("unable to open config file" in done.error and any(map(done.error.__contains__, NOWHERE))):
        return ABSENT
    return UNREACHABLE
