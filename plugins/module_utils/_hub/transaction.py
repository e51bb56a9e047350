# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The change of a hub as one transaction on the host: recorded before anything is touched, then finished or taken back.

The record (``hub-change.json``) holds what was there before. While it is there, the change is under way, or the run
that made it died: then the next run takes the same former state as its own way back, and the host itself (``labserver
hub-watch``) finishes a change that nobody has touched for ten minutes: one that went well is closed, another is taken
back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._common import clock, files, run_lock
from .._common.docker_api import DockerEngine
from . import change, database, servers
from .change import Former
from .configuration import Configuration
from .servers import Look

ABANDONED_SECONDS = 600.0
"""So long after the last sign of its run a change is nobody's any more; the longest pause of a run that goes well is
one minute."""
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


@dataclass(frozen=True)
class World:
    """The host and the time."""

    engine: DockerEngine
    place: Place = Place()
    now: Callable[[], datetime] = clock.utc_now
    sleep: Callable[[float], None] = time.sleep
    is_healthy: Callable[[str], bool] = servers.healthy
    is_answering: Callable[[str], bool] = servers.answers


@dataclass(frozen=True)
class Record:
    """A change that was begun: where the hub answers, since when (ISO 8601), and what was there before it."""

    base_url: str
    since: str
    former: Former


def read(place: Place) -> Record | None:
    """Return the change that was begun and not finished; raises ValueError when the record cannot be read."""
    try:
        document: Mapping[str, Any] = json.loads(place.record.read_bytes())
        return Record(document["base_url"], document["since"], Former.of(document["former"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{place.record} cannot be read ({error!r}); look whether the hub answers, then remove the file"
        ) from error


def begin(world: World, wanted: Configuration, former: Former, base_url: str) -> Former:
    """Record the change, copy the database, announce it, and install the configuration; returns the way back.

    Of a change that was begun before and never finished, the former state stays the way back. Raises OSError with the
    configuration as it was.
    """
    place = world.place
    unfinished = read(place)
    if unfinished is not None:
        former = replace(unfinished.former, servers=former.servers)
    else:
        stamp = world.now().strftime("%Y%m%dT%H%M%SZ")
        former = replace(former, copy=str(database.keep(place.database, place.data / "snapshots", stamp) or ""))
    since = unfinished.since if unfinished is not None else clock.stamp(world.now())
    document = {"version": 1, "base_url": base_url, "since": since, "former": former.document()}
    files.replace(place.record, (json.dumps(document) + "\n").encode(), 0o600)
    installed = Configuration.read(place.folder)
    try:
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
    return found


def lost(world: World, began: str) -> str:
    """Say that a change which this run began is no longer its own, empty when it is; ``began`` is empty without one.

    A run that stalls for long (its controller slept) comes back to a hub that the host has finished or taken back.
    """
    if not began or read(world.place) is not None:
        return ""
    return (
        f"the change of the hub that this run began at {began} was ended by the host (job hub-watch), because nothing "
        f"was heard of the run for {ABANDONED_SECONDS / 60:.0f} minutes; run the playbook again"
    )


def take_back(world: World, seconds: float) -> tuple[list[str], str]:
    """Put back what was there before the change; returns which containers that were, and in words how it stands."""
    record = read(world.place)
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


def close(place: Place) -> None:
    """End the change: it is no longer announced, and nothing is left to take back."""
    place.maintenance.unlink(missing_ok=True)
    place.record.unlink(missing_ok=True)


def abandoned(world: World) -> bool:
    """Tell whether a change was begun that nobody works on any more: no step of it, nor anything else of the run."""
    try:
        signs = [world.place.record.stat().st_mtime]
    except FileNotFoundError:
        return False
    note = run_lock.read(world.place.root)
    if note is not None:
        signs.append(datetime.fromisoformat(note.seen).timestamp())
    # A sign from the future is of a clock that was put back.
    return not any(0 <= world.now().timestamp() - sign < ABANDONED_SECONDS for sign in signs)


def finish(world: World, seconds: float = 60.0) -> str:
    """Finish a change whose run died; returns what was done, empty when there is none."""
    record = read(world.place) if abandoned(world) else None
    if record is None:
        return ""
    found = verify(world, record.base_url, seconds)
    if found.well:
        return f"the change of the hub begun at {record.since} was never finished; it went well: {found.sentence()}"
    restored, words = take_back(world, seconds)
    what = f"put back {', '.join(restored)}" if restored else "nothing had to be put back"
    return f"the change of the hub begun at {record.since} was never finished and is taken back: {what}; {words}"


def announce(path: Path, until: str) -> None:
    """Tell the people that the hub is being changed; what never is taken back ends by itself at the time ``until``."""
    text = "The hub is being updated. Running servers are not touched; starting one may have to wait a minute."
    document = {"version": 1, "announcements": [{"text": text, "severity": "info", "until": until}]}
    files.replace(path, (json.dumps(document) + "\n").encode())
