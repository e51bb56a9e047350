# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the servers that run, hears of those that start and end, and keeps what they used in the database."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import exchange, labels
from .._common.docker_api import DockerEngine, EngineError
from . import cgroups, model
from .model import Ended, Key, Reading, Run, Span, Sum, Who
from .store import State, Store

ROSTER = "etc/labserver/public/roster.json"
GPUS = f"{labels.PREFIX}gpus"
EVENTS = {"type": ["container"], "event": ["start", "die"], "label": [labels.HUB_SERVERS]}
SAME_SECONDS = 5.0
"""A start that is told and one that was seen are the same when they are no further apart."""
CLOCK_SECONDS = 1.0
"""A clock that differs from the time that passed by more was set."""
REMEMBERED_SECONDS = 86400.0


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class World:
    """The handle of all effects. ``now`` is the clock of the host, ``uptime`` one that nobody sets."""

    root: Path = Path("/")
    engine: DockerEngine = field(default_factory=DockerEngine)
    now: Callable[[], float] = time.time
    uptime: Callable[[], float] = _uptime

    def boot(self) -> str:
        """Return which boot of the host this is; empty where the kernel does not tell."""
        try:
            return (self.root / "proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return ""

    def groups(self, person: str) -> tuple[str, ...]:
        """Return the groups of a person; none where the roster does not tell."""
        try:
            found = exchange.parse((self.root / ROSTER).read_bytes(), "roster.json")["users"][person]["groups"]
            return tuple(sorted(str(group) for group in found))
        except (OSError, ValueError, KeyError, TypeError):
            return ()


def moment(text: str) -> float:
    """Return a moment of Docker's (``2026-11-28T03:48:59.676951378Z``)."""
    return datetime.fromisoformat(text).timestamp()


def image_name(reference: str) -> str:
    """Return what people call an image: its repository without registry, tag and digest."""
    name = reference.partition("@")[0]
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        name = rest
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]


def who_of(inspected: Mapping[str, Any], groups: tuple[str, ...]) -> Who:
    """Return whose server a container is, as Docker shows it."""
    config, limits = inspected["Config"], inspected["HostConfig"]
    cards = sum(len(one.get("DeviceIDs") or ()) for one in limits.get("DeviceRequests") or ())
    quota, period = int(limits.get("CpuQuota") or 0), int(limits.get("CpuPeriod") or 0) or 100_000
    cores = quota / period if quota > 0 else int(limits.get("NanoCpus") or 0) / model.NANO or float(_cores())
    return Who(str(config["Labels"][labels.USER]), groups, image_name(str(config["Image"])), cards, cores)


def who_told(attributes: Mapping[str, str], groups: tuple[str, ...]) -> Who:
    """Return whose server a container was, by what an event says of it."""
    cards = len([card for card in attributes.get(GPUS, "").split(",") if card])
    return Who(attributes[labels.USER], groups, image_name(attributes.get("image", "")), cards, float(_cores()))


def _cores() -> int:
    return os.cpu_count() or 1


class Recorder:
    """Counts what servers use. What it knows outlives it in the database: another one goes on from there."""

    def __init__(self, world: World, store: Store, parent: str) -> None:
        """``parent``: Docker's ``CgroupParent`` of all servers."""
        self.world, self.store, self.group = world, store, parent
        state = store.state()
        self.runs: dict[str, Run] = dict(state.runs)
        self.parent = state.parent
        self.looked = state.looked
        self.boot = world.boot()
        self.groups: dict[str, cgroups.Group | None] = {}
        self.ended: list[Ended] = []
        self.over: dict[str, float] = {}
        self.sums: dict[Key, Sum] = {}
        self._clocks = (world.now(), world.uptime())
        if state.boot and state.boot != self.boot:
            for name, run in list(self.runs.items()):  # when they ended after that, nobody knows
                self._end(name, run.until, run.until)
            self.parent = None

    def _book(self, *spans: Span) -> None:
        self.sums = model.added(self.sums, model.booked(spans))

    def _end(self, name: str, at: float, latest: float, *, told: bool = False) -> None:
        """End a run; ``told``: Docker said when. A start before ``over`` is one that was counted already."""
        run = self.runs.pop(name)
        self.ended.append(Ended(run, at, latest))
        self.groups.pop(name, None)
        self.over[name] = at if told else run.until

    def _begin(self, name: str, labelled: Mapping[str, str], told: float | None = None) -> None:
        """Begin to count a run that Docker told of, or that was found; one that is over is not counted again."""
        inspected = self._inspect(name)
        running = inspected is not None and inspected["State"]["Running"]
        started = moment(inspected["State"]["StartedAt"]) if inspected and running else told
        if started is None or started <= self.over.get(name, 0.0):
            return
        groups = self.world.groups(labelled.get(labels.USER, ""))
        who = who_of(inspected, groups) if inspected else who_told(labelled, groups)
        self.runs[name], span = model.begin(who, started)
        self._book(span)
        if inspected and running:
            self.groups[name] = cgroups.locate(self.world.root, int(inspected["State"]["Pid"]), name)

    def _inspect(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.world.engine.get(f"/containers/{name}/json")
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        return found

    def attend(self, event: Mapping[str, Any]) -> bool:
        """Take in an event of Docker; returns whether a server ended. Raises EngineError."""
        name, told = str(event["Actor"]["ID"]), dict(event["Actor"]["Attributes"])
        at, run = int(event["timeNano"]) / model.NANO, self.runs.get(name)
        if told.get(labels.USER, labels.CANARY) == labels.CANARY:
            return False
        if event["Action"] == "die":
            if run is None or run.started > at:
                return False
            self._end(name, at, at, told=True)
            return True
        if event["Action"] == "start":
            if run is not None and run.started >= at - SAME_SECONDS:
                return False
            if run is not None:
                self._end(name, run.until, at)
            self._begin(name, told, at)
        return False

    def catch_up(self) -> None:
        """Hear what happened since the last look, then compare with what runs; raises EngineError."""
        if self.looked:
            window = {"since": f"{self.looked:.9f}", "until": f"{self.world.now():.9f}", "filters": EVENTS}
            for event in self.world.engine.stream("GET", "/events", query=window):
                self.attend(event)
        self.compare()

    def compare(self) -> None:
        """Compare with what Docker says runs; raises EngineError."""
        listed = {
            str(one["Id"]): dict(one.get("Labels") or {})
            for one in self.world.engine.get("/containers/json", filters={"label": [labels.HUB_SERVERS]})
        }
        now = self.world.now()
        for name in [name for name in self.runs if name not in listed]:
            self._end(name, self.runs[name].until, now)
        for name, labelled in listed.items():
            if labelled.get(labels.USER, labels.CANARY) == labels.CANARY:
                continue
            if name in self.runs and name not in self.groups:
                self._find_again(name)
            if name not in self.runs:
                self._begin(name, labelled)
        self.over = {name: at for name, at in self.over.items() if at > now - REMEMBERED_SECONDS}

    def _find_again(self, name: str) -> None:
        """Find the group of a run that an earlier recorder began, unless the container was started anew meanwhile."""
        state = (self._inspect(name) or {}).get("State") or {}
        if not state.get("Running"):
            return
        started = moment(state["StartedAt"])
        if started > self.runs[name].started + SAME_SECONDS:
            self._end(name, self.runs[name].until, started)
        else:
            self.groups[name] = cgroups.locate(self.world.root, int(state["Pid"]), name)

    def sample(self) -> None:
        """Read all counters, and book what was used since the last look."""
        now = self._clock()
        readings: list[Reading] = []
        for name, run in list(self.runs.items()):
            if name not in self.groups:
                continue  # Docker has not said yet where it is
            group = self.groups[name]
            reading = cgroups.read(group) if group else None
            if group and reading is None:
                self._end(name, now, now)  # Docker will tell so
                continue
            self.runs[name], span = model.advance(run, now, reading)
            self._book(span)
            readings += [reading] if reading else []
        self.looked = now
        if any(name not in self.groups for name in self.runs):
            return
        counted = cgroups.read_parent(self.world.root, self.group) if len(readings) == len(self.runs) else None
        parent = model.parent_of(counted, readings) if counted is not None else None
        self._book(*model.settle(self.ended, model.used_by_ended(self.parent, parent, self.ended)))
        self.ended, self.parent = [], parent

    def _clock(self) -> float:
        """Return what time it is; when somebody set the clock, runs are moved with it."""
        now, uptime = self.world.now(), self.world.uptime()
        step = (now - self._clocks[0]) - (uptime - self._clocks[1])
        if abs(step) > CLOCK_SECONDS:
            self.runs = {name: model.shifted(run, step) for name, run in self.runs.items()}
        self._clocks = (now, uptime)
        return now

    def flush(self) -> None:
        """Keep everything in the database; raises sqlite3.Error, and then tries again next time."""
        blind = sum(group is None for group in self.groups.values())
        self.store.keep(State(self.runs, self.looked, self.boot, self.parent, blind), self.sums)
        self.sums = {}
