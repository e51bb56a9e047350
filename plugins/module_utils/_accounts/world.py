# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the accounts' code touches, handed in; and what a run gives back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from . import stop as accounts_stop
from .folders import Folders
from .homes import Homes
from .ids import Ids
from .quota import Quotas
from .state import Person, Plan

REGISTER = "etc/labserver/accounts/register.json"
RUN_LOCK = "run/labserver/accounts.lock"  # not in /run/lock, where everybody may create files and hold them
PUBLIC = "etc/labserver/public"
LOCAL = "this host"


def stop_people(people: list[Person]) -> list[str]:
    """End containers and processes of people; returns what went wrong."""
    problems = accounts_stop.stop_containers(person.user.name for person in people)
    return problems + accounts_stop.stop_processes(person.uid for person in people)


def forget_caches() -> None:
    """Tell the name service caches, where a host has them, that the account files changed."""
    for command in (["nscd", "-i", "passwd"], ["nscd", "-i", "group"], ["sss_cache", "-U", "-G"]):
        if shutil.which(command[0]):
            subprocess.run(command, check=False, capture_output=True)


@dataclass(frozen=True)
class World:
    """What the code touches: a root folder, the clock, and the ways to end processes and tell caches."""

    root: Path
    homes: Homes
    folders: Folders
    quotas: Quotas | None = None  # None: those of the file system of the homes
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    stop: Callable[[list[Person]], list[str]] = stop_people
    forget_caches: Callable[[], None] = forget_caches
    lock_timeout_seconds: float = 60  # for the locks of the account files, which others hold for moments only
    run_timeout_seconds: float = 600  # for another run of this, which may be archiving homes

    @classmethod
    def real(cls) -> World:
        """Return the host itself."""
        return cls(Path("/"), Homes(Path("/")), Folders(Path("/")))


class RefusedError(Exception):
    """Nothing was touched; ``problems`` say why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Result:
    """What was planned and what of it failed. ``files`` holds changed files: path -> (before, after)."""

    plan: Plan
    ids: Ids
    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.plan.actions or self.files)
