# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The handle of all effects (root folder, clock, homes, folders, processes, caches), and what a run gives back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .._common import process
from . import stop
from .folders import Folders
from .homes import Homes
from .ids import Ids
from .nss import NameService
from .people import Person
from .plan import Plan
from .quota import Quotas
from .records import Register

CACHE_SECONDS = 30.0
"""Limit for telling one cache of the name service."""


def stop_people(people: Iterable[Person]) -> list[str]:
    """End containers and processes of people; returns what went wrong."""
    everybody = list(people)
    problems = stop.stop_containers(person.user.name for person in everybody)
    return problems + stop.stop_processes(person.uid for person in everybody)


def forget_caches() -> None:
    """Tell the name service caches, where a host has them, that the account files changed."""
    for command in (["nscd", "-i", "passwd"], ["nscd", "-i", "group"], ["sss_cache", "-U", "-G"]):
        if shutil.which(command[0]):
            process.capture(command, CACHE_SECONDS)


@dataclass(frozen=True)
class World:
    """What the code touches, handed in."""

    root: Path
    homes: Homes
    folders: Folders
    quotas: Quotas | None = None  # None: those of the file system of the homes
    name_service: NameService | None = None  # None: the one that /etc/nsswitch.conf describes
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    stop: Callable[[Iterable[Person]], list[str]] = stop_people
    forget_caches: Callable[[], None] = forget_caches
    lock_timeout_seconds: float = 60  # for the locks of the account files, which others hold for moments only
    run_timeout_seconds: float = 600  # for another run of this, which may be archiving homes

    @classmethod
    def real(cls) -> World:
        """Return the host itself."""
        return cls(Path("/"), Homes(Path("/")), Folders(Path("/")))


class RefusedError(Exception):
    """Nothing was touched; ``problems`` say why."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass
class Outcome:
    """What was planned and what came of it.

    ``register`` is what was reached so far, ``files`` are the files that changed: path -> (before, after), and
    ``failures`` say what went wrong for single people while all else was done.
    """

    plan: Plan
    ids: Ids
    register: Register
    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.plan.actions or self.files)

    def note(self, login: str, **changes: object) -> None:
        """Change some fields of a person's record."""
        self.register = self.register.with_user(login, **changes)
