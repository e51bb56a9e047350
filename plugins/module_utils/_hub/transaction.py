# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The change of a hub as one transaction on the host: recorded before anything is touched, then finished or taken back.

The record (``hub-change.json``) holds what was there before, and how the containers are to be. While it is there, the
change is under way, or the run that made it died: then the next run takes the same former state as its own way back,
and the host itself ends a change of which it hears nothing any more (``unattended.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._common import clock, files, process
from .._common.docker_api import DockerEngine
from . import change, database, servers
from .change import Former
from .configuration import Configuration
from .servers import Look

PROGRAM = "/usr/local/sbin/labserver"
ARM_SECONDS = 30.0
ANNOUNCED = timedelta(minutes=10)


@dataclass(frozen=True)
class Place:
    """Where the parts of a hub lie on the host."""

    folder: Path = Path("/etc/labserver/hub")
    data: Path = Path("/srv/labserver/hub")
    record: Path = Path("/var/lib/labserver/hub-change.json")
    maintenance: Path = Path("/etc/labserver/public/maintenance.json")
    group: int = 64100
    root: Path = Path("/")

    @property
    def database(self) -> Path:
        """The hub's database."""
        return self.data / "state" / "jupyterhub.sqlite"

    @property
    def ended(self) -> Path:
        """The record of the last change that the host ended by itself."""
        return self.record.with_name("hub-change-ended.json")


def attend() -> None:
    """Start ``labserver hub-change`` as a unit of its own: it ends the change when the run that makes it is lost.

    Not in the session of the run: that ends with the connection. Raises OSError when systemd does not start it.
    """
    unit = f"labserver-hub-change-{uuid.uuid4().hex[:8]}"
    restart = ["--property=Restart=on-failure", "--property=RestartSec=5"]
    command = ["systemd-run", f"--unit={unit}", "--collect", "--quiet", *restart, PROGRAM, "hub-change"]
    done = process.call(command, ARM_SECONDS)
    if done.status != 0:
        raise OSError(f"nothing would take the change back if this run were lost: {' '.join(command)}: {done.words}")


@dataclass(frozen=True)
class World:
    """The host and the time."""

    engine: DockerEngine
    place: Place = Place()
    now: Callable[[], datetime] = clock.utc_now
    sleep: Callable[[float], None] = time.sleep
    is_healthy: Callable[[str], bool] = servers.healthy
    is_answering: Callable[[str], bool] = servers.answers
    attend: Callable[[], None] = attend


@dataclass(frozen=True)
class Record:
    """A change that was begun: where the hub answers, since when (ISO 8601), and what was there before it.

    ``wanted`` are the labels of the new containers by name; a record of an earlier release has none. ``words`` say how
    the host ended it, ``well`` whether the new hub stayed, ``told`` whether somebody was told.
    """

    base_url: str
    since: str
    former: Former
    wanted: Mapping[str, str]
    words: str = ""
    well: bool = False
    told: bool = False

    def document(self) -> dict[str, Any]:
        """Return this as data."""
        told = {"words": self.words, "well": self.well, "told": self.told} if self.words else {}
        wanted = dict(self.wanted)
        return {"version": 1, "base_url": self.base_url, "since": self.since, "wanted": wanted,
                "former": self.former.document(), **told}  # fmt: skip


def read(place: Place) -> Record | None:
    """Return the change that was begun and not finished; raises ValueError when the record cannot be read."""
    return _load(place.record)


def ended(place: Place) -> Record | None:
    """Return the last change that the host ended by itself, None when a run has made one since."""
    return _load(place.ended)


def _load(path: Path) -> Record | None:
    try:
        document: Mapping[str, Any] = json.loads(path.read_bytes())
        return Record(
            base_url=document["base_url"],
            since=document["since"],
            former=Former.of(document["former"]),
            wanted=document.get("wanted") or {},
            words=document.get("words") or "",
            well=document.get("well") is True,
            told=document.get("told") is True,
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read ({error!r}); look whether the hub answers, then remove the file"
        ) from error


def begin(
    world: World, wanted: Configuration, former: Former, base_url: str, hashes: Mapping[str, str] | None = None
) -> Former:
    """Record the change, copy the database, announce it, and install the configuration; returns the way back.

    From then on the host ends the change by itself when its run is lost; ``hashes`` are the labels of the containers
    with which it is complete. Of a change that was begun before and never finished, the former state stays the way
    back. Raises OSError with the configuration as it was.
    """
    place = world.place
    unfinished = read(place)
    if unfinished is not None:
        former = replace(unfinished.former, servers=former.servers)
    else:
        stamp = world.now().strftime("%Y%m%dT%H%M%SZ")
        former = replace(former, copy=str(database.keep(place.database, place.data / "snapshots", stamp) or ""))
    since = unfinished.since if unfinished is not None else clock.stamp(world.now())
    keep(place.record, Record(base_url, since, former, hashes or {}))
    place.ended.unlink(missing_ok=True)
    installed = Configuration.read(place.folder)
    try:
        world.attend()
        announce(place.maintenance, (world.now() + ANNOUNCED).isoformat(timespec="seconds"))
        wanted.write(place.folder, place.group)
    except OSError:
        # A full disk, for instance: half of a new configuration must not wait for the hub's next start.
        installed.write(place.folder, place.group)
        if unfinished is None:
            close(place)
        raise
    return former


def verify(world: World, base_url: str, seconds: float) -> Look:
    """Look whether the hub answers and, after a change, each server that ran before; closes a change that went well."""
    record = read(world.place)
    former = record.former if record is not None else Former({}, Configuration("", ()), "", ())
    found = servers.look(
        list(former.servers),
        lambda identity: servers.inspect(world.engine, identity),
        base_url,
        seconds=seconds,
        settle=record is not None,
        hopeless=lambda: any(
            change.hopeless(servers.inspect(world.engine, name), was) for name, was in former.containers.items()
        ),
        sleep=world.sleep,
        is_healthy=world.is_healthy,
        is_answering=world.is_answering,
    )
    if found.well:
        close(world.place)
    elif record is not None:
        # It took its time: whoever looked gets as long again to put the former hub back.
        with contextlib.suppress(FileNotFoundError):
            os.utime(world.place.record)
    return found


def take_back(world: World, seconds: float, began: str = "") -> tuple[list[str], str]:
    """Put back what was there before the change; returns which containers that were, and in words how it stands.

    ``began`` is since when the caller's own change is recorded: when the host has taken that back meanwhile, what the
    caller changed after it goes too.
    """
    record = read(world.place)
    last = ended(world.place) if record is None and began else None
    if last is not None and last.since == began and not last.well:
        record = last
        keep(world.place.record, replace(last, words=""))
    if record is None:
        return [], "no change was begun, so there is nothing to take back"
    if not any(record.former.containers.values()):
        close(world.place)
        return [], "there is no former hub to go back to"
    restored = change.go_back(
        world.engine,
        record.former,
        folder=world.place.folder,
        group=world.place.group,
        database=world.place.database,
    )
    return restored, verify(world, record.base_url, seconds).sentence()


def in_words(restored: list[str], said: str) -> str:
    """Return what ``take_back`` did, as part of a sentence."""
    what = f"put back {', '.join(restored)}" if restored else "nothing had to be put back"
    return f"{what}; {said}"


def close(place: Place) -> None:
    """End the change: it is no longer announced, and nothing is left to take back."""
    place.maintenance.unlink(missing_ok=True)
    place.record.unlink(missing_ok=True)


def keep(path: Path, record: Record) -> None:
    """Write the record of a change; it holds snippets, which may hold secrets."""
    files.replace(path, (json.dumps(record.document()) + "\n").encode(), 0o600)


def announce(path: Path, until: str) -> None:
    """Tell the people that the hub is being changed; what never is taken back ends by itself at the time ``until``."""
    text = "The hub is being updated. Running servers are not touched; starting one may have to wait a minute."
    document = {"version": 1, "announcements": [{"text": text, "severity": "info", "until": until}]}
    files.replace(path, (json.dumps(document) + "\n").encode())
