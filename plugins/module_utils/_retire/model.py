# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said, found and planned about a server that goes out of service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STAGES = ("", "announced", "frozen", "saved", "stopped", "wiped")
"""How far a retirement came, in this order. Each run goes on after the last stage that was reached."""
MOST_NAMED = 8


class RetireError(Exception):
    """A step cannot be gone; says why and what to do."""


@dataclass(frozen=True)
class Desired:
    """What the words say. ``today`` and ``day`` are ISO dates, ``host`` is the name in the inventory.

    ``unsaved``: what is not in the backup may be deleted as well.
    """

    host: str
    today: str
    day: str = ""
    contact: str = ""
    stop_servers: bool = False
    wipe: bool = False
    unsaved: bool = False


@dataclass(frozen=True)
class Other:
    """What the inventory says of another server, as far as it may lead to this one.

    ``keeper`` and ``registry`` are names of servers, ``shares`` has the source of each share by name, ``repository`` is
    where its backups go, without a password.
    """

    keeper: str = ""
    registry: str = ""
    shares: Mapping[str, str] = field(default_factory=dict)
    repository: str = ""


@dataclass(frozen=True)
class Snapshot:
    """The last backup, with an ISO time. ``paths`` it was made of; ``proved``: a drill restored of this very one."""

    id: str
    made: str
    complete: bool
    proved: bool
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backup:
    """The backups of this server. ``problem`` says why nobody can tell of them; empty when all is known.

    ``holds`` are the paths that a backup made now would hold, ``left_out`` what of them it would not, on purpose.
    """

    problem: str = ""
    repository: str = ""
    host: str = ""
    last: Snapshot | None = None
    holds: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """A certificate of this server; ``source`` is acme, internal_ca or another one, ``ends`` an ISO date or empty."""

    name: str
    names: tuple[str, ...]
    source: str
    ends: str


@dataclass(frozen=True)
class Record:
    """How far the retirement of this host came. Times are ISO 8601 in UTC or empty. No secret is in it.

    From the stage "saved" on it knows what was found, since nothing of it can be read after the wipe. ``targets`` are
    the folders that a wipe deletes, ``unsaved`` what of them no backup holds, ``volumes`` Docker's, ``repository`` is
    where the backup is; ``remains`` are sentences about what outlives the server.
    """

    stage: str = ""
    day: str = ""
    contact: str = ""
    frozen: str = ""
    snapshot: str = ""
    repository: str = ""
    targets: tuple[str, ...] = ()
    unsaved: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Current:
    """What this host shows.

    ``addresses``: its names and addresses. ``hub``: "running", "stopped" or "absent". ``running``: login names of
    people whose server runs. ``seen``: login name and ISO time of the last activity, newest first. ``homes`` and
    ``groups``: folder -> bytes, -1 where nobody knows. ``targets``: what a wipe deletes; ``obstacles``: why some of it
    cannot be deleted. ``volumes``: Docker's, of Compose projects. ``unread``: what could not be looked at.
    """

    lab_server: bool = True
    addresses: frozenset[str] = frozenset()
    hub: str = "absent"
    running: tuple[str, ...] = ()
    seen: tuple[tuple[str, str], ...] = ()
    homes: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    repositories: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    backup: Backup = field(default_factory=Backup)
    exports: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    targets: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    record: Record = field(default_factory=Record)


@dataclass(frozen=True)
class Plan:
    """``lines`` to read; ``refusals``: what forbids it; ``stage``: how far it came, as far as that still holds.

    ``due``: whether the day has come, so that more than the announcement is done.
    """

    lines: tuple[str, ...]
    refusals: tuple[str, ...]
    stage: str
    due: bool
