# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From counters to sums: what a run of a server adds between two readings, and in which month. All pure.

A **run** is a server from its start to its end. The kernel counts its CPU time in its control group, from 0 at each
start; the group is gone with the last process, and what was used since the last reading with it. But all servers lie in
one group, whose counter goes on: what it holds more than those that run is the time of those that ended (``Parent``).
So nothing is lost when a server ends, whoever or whatever ended it, and also while nobody read.

Moments are seconds since 1970, CPU times nanoseconds in counters and seconds in sums, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

NANO = 1e9


@dataclass(frozen=True)
class Who:
    """Whose server it is: the person, their groups at its start, the image, the number of cards, the most cores."""

    person: str
    groups: tuple[str, ...] = ()
    image: str = ""
    gpus: int = 0
    cores: float = 1.0


@dataclass(frozen=True)
class Reading:
    """The counters of a group: CPU time since its start, and the memory in use without spare file cache."""

    cpu_ns: int
    memory_bytes: int = 0


@dataclass(frozen=True)
class Run:
    """A server that runs. ``until``: it is counted up to then, with ``cpu_ns``; ``rate``: cores that it used last."""

    who: Who
    started: float
    until: float
    cpu_ns: int = 0
    memory_bytes: int = 0
    rate: float = 0.0


@dataclass(frozen=True)
class Ended:
    """A run that is over. It ended at ``at``, or, where nobody knows that better, at the latest at ``latest``."""

    run: Run
    at: float
    latest: float


@dataclass(frozen=True)
class Parent:
    """The counter of the group of all servers, and how much of it is of servers that are gone."""

    cpu_ns: int
    gone_ns: int


@dataclass(frozen=True)
class Span:
    """What a run used from ``begin`` to ``end``. ``estimated``: seconds of ``cpu`` that no counter says."""

    who: Who
    begin: float
    end: float
    cpu: float
    estimated: float = 0.0
    memory_byte_seconds: float = 0.0
    memory_peak: int = 0
    starts: int = 0

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.begin


@dataclass(frozen=True)
class Key:
    """What sums are kept by; ``month`` is ``2026-11``, ``groups`` those of the time of the use."""

    month: str
    person: str
    groups: tuple[str, ...]
    image: str


@dataclass(frozen=True)
class Sum:
    """What was used. Times in seconds, ``memory`` in byte seconds; ``estimated`` is a part of ``cpu``."""

    seconds: float = 0.0
    cpu: float = 0.0
    estimated: float = 0.0
    memory: float = 0.0
    memory_peak: int = 0
    gpu: float = 0.0
    starts: int = 0

    def plus(self, other: Sum) -> Sum:
        """Return both together."""
        return Sum(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            self.estimated + other.estimated,
            self.memory + other.memory,
            max(self.memory_peak, other.memory_peak),
            self.gpu + other.gpu,
            self.starts + other.starts,
        )


def begin(who: Who, started: float) -> tuple[Run, Span]:
    """Return a run that began, and the span that counts its start."""
    return Run(who, started, started), Span(who, started, started, 0.0, starts=1)


def advance(run: Run, now: float, reading: Reading | None) -> tuple[Run, Span]:
    """Return a run as it is now, and what it used since it was counted last; without a reading only its time counts."""
    now = max(now, run.until)
    elapsed = now - run.until
    if reading is None:
        return replace(run, until=now), Span(run.who, run.until, now, 0.0)
    # A counter that went back is one that began again.
    used = (reading.cpu_ns - run.cpu_ns if reading.cpu_ns >= run.cpu_ns else reading.cpu_ns) / NANO
    memory = ((run.memory_bytes or reading.memory_bytes) + reading.memory_bytes) / 2 * elapsed
    peak = max(reading.memory_bytes, run.memory_bytes)
    span = Span(run.who, run.until, now, used, memory_byte_seconds=memory, memory_peak=peak)
    rate = used / elapsed if elapsed > 0 else run.rate
    return Run(run.who, run.started, now, reading.cpu_ns, reading.memory_bytes, rate), span


def parent_of(cpu_ns: int, running: Iterable[Reading]) -> Parent:
    """Return the group of all servers as its counter and those of the servers that run show it."""
    return Parent(cpu_ns, max(cpu_ns - sum(one.cpu_ns for one in running), 0))


def used_by_ended(before: Parent | None, now: Parent | None, ended: Iterable[Ended]) -> float | None:
    """Return the seconds that runs which ended used since they were counted last; None where no counter tells."""
    if before is None or now is None or now.cpu_ns < before.cpu_ns:  # it began again: a boot, or all servers were gone
        return None
    counted = sum(one.run.cpu_ns for one in ended)
    return max(now.gone_ns - before.gone_ns - counted, 0) / NANO


def settle(ended: Sequence[Ended], used: float | None) -> list[Span]:
    """Return the last spans of runs that ended, which share the ``used`` seconds; None: by what they used before."""
    spans = []
    most = [max(one.latest - one.run.until, 0.0) * one.run.who.cores for one in ended]
    guess = [
        min(max(one.at - one.run.until, 0.0) * one.run.rate, limit) for one, limit in zip(ended, most, strict=True)
    ]
    shares = guess if used is None else share(used, guess, most)
    for one, part in zip(ended, shares, strict=True):
        end = max(one.at, one.run.until)
        spans.append(
            Span(
                one.run.who,
                one.run.until,
                end,
                part,
                estimated=part if used is None else 0.0,
                memory_byte_seconds=one.run.memory_bytes * (end - one.run.until),
                memory_peak=one.run.memory_bytes,
            )
        )
    return spans


def share(amount: float, weights: Sequence[float], most: Sequence[float]) -> list[float]:
    """Return how an amount is divided by weights, nobody getting more than their most; what is left then, by room."""
    parts = [0.0] * len(most)
    left = min(amount, sum(most))
    for weighted in (True, False):
        for _round in most:  # in each round but the last somebody reaches their most
            room = [limit - part for limit, part in zip(most, parts, strict=True)]
            wants = [(weight if weighted else 1.0) * (free > 0) for weight, free in zip(weights, room, strict=True)]
            total = sum(wants) or 1.0
            # Divided first: what is left by the smallest of numbers would be infinite.
            given = [min(want / total * left, free) for want, free in zip(wants, room, strict=True)]
            parts = [part + more for part, more in zip(parts, given, strict=True)]
            left = max(left - sum(given), 0.0)
    return parts


def shifted(run: Run, seconds: float) -> Run:
    """Return a run after the clock was set by so many seconds."""
    return replace(run, started=run.started + seconds, until=run.until + seconds)


def month_of(moment: float, zone: tzinfo | None = None) -> str:
    """Return the month of a moment, on the host's own clock unless a ``zone`` is given."""
    return datetime.fromtimestamp(moment, zone).strftime("%Y-%m")


def month_end(month: str, zone: tzinfo | None = None) -> float:
    """Return when a month is over."""
    year, number = (int(part) for part in month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone).timestamp()


def booked(spans: Iterable[Span], zone: tzinfo | None = None) -> dict[Key, Sum]:
    """Return the sums of spans; a span over the end of a month is divided by time."""
    sums: dict[Key, Sum] = {}
    for span in spans:
        first, begin = True, span.begin
        while True:
            month = month_of(begin, zone)
            end = min(month_end(month, zone), span.end)
            part = (end - begin) / span.seconds if span.seconds else 1.0
            key = Key(month, span.who.person, span.who.groups, span.who.image)
            sums[key] = sums.get(key, Sum()).plus(
                Sum(
                    end - begin,
                    span.cpu * part,
                    span.estimated * part,
                    span.memory_byte_seconds * part,
                    span.memory_peak,
                    span.who.gpus * (end - begin),
                    span.starts if first else 0,
                )
            )
            first, begin = False, end
            if end >= span.end:
                break
    return sums


def added(sums: Mapping[Key, Sum], more: Mapping[Key, Sum]) -> dict[Key, Sum]:
    """Return two sets of sums together."""
    found = dict(sums)
    for key, one in more.items():
        found[key] = found[key].plus(one) if key in found else one
    return found
