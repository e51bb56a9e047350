# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The usage of all hosts together: by person, group and month; as CSV and as lines for a terminal. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._common.words import clean
from .model import Sum

HOUR, GIB = 3600.0, float(1 << 30)
NAME_LENGTH = 120
COLUMNS = (
    "host", "month", "person", "groups", "image", "hours", "cpu_hours", "cpu_hours_estimated", "memory_gib_hours",
    "memory_peak_gib", "gpu_hours", "starts", "disk_average_gib", "disk_peak_gib",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What a person used of an image on a host in a month."""

    host: str
    month: str
    person: str
    groups: tuple[str, ...]
    image: str
    used: Sum


@dataclass(frozen=True)
class Disk:
    """What a person's home on a host held in a month, bytes."""

    host: str
    month: str
    person: str
    average: int
    peak: int


@dataclass(frozen=True)
class Usage:
    """The usage of all hosts; ``silent``: hosts that did not answer, or have nothing, with the reason."""

    rows: tuple[Row, ...] = ()
    disks: tuple[Disk, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def months(self) -> list[str]:
        """All months, newest first."""
        return sorted({one.month for one in self.rows} | {one.month for one in self.disks}, reverse=True)

    def people(self, month: str) -> dict[str, Sum]:
        """Return what each person used in a month, most CPU time first."""
        return _ordered((row.person, row.used) for row in self.rows if row.month == month)

    def groups(self, month: str) -> dict[str, Sum]:
        """Return what each group's members used. Who is in two groups counts in both, who is in none in ""."""
        return _ordered((group, row.used) for row in self.rows if row.month == month for group in row.groups or ("",))

    def images(self, month: str) -> dict[str, Sum]:
        """Return what was used with each image."""
        return _ordered((row.image, row.used) for row in self.rows if row.month == month)

    def disk(self, month: str) -> dict[str, tuple[int, int]]:
        """Return average and peak of what each person's homes held, all hosts together."""
        found: dict[str, tuple[int, int]] = {}
        for one in self.disks:
            if one.month == month:
                average, peak = found.get(one.person, (0, 0))
                found[one.person] = (average + one.average, peak + one.peak)
        return found


def _ordered(parts: Iterable[tuple[str, Sum]]) -> dict[str, Sum]:
    found: dict[str, Sum] = {}
    for name, used in parts:
        found[name] = found.get(name, Sum()).plus(used)
    return dict(sorted(found.items(), key=lambda item: (-item[1].cpu, -item[1].seconds, item[0])))


def merged(reports: Mapping[str, Any]) -> Usage:
    """Put together what hosts told (``report.document``); a text or None in its place is why one told nothing."""
    rows, disks, silent = [], [], {}
    for host, told in sorted(reports.items()):
        if not isinstance(told, Mapping):
            silent[host] = clean(str(told or "no answer"), 300)
            continue
        try:
            if told["version"] != 1:
                raise ValueError(f"its version is {told['version']!r}, and 1 is known here")
            own_rows = [_row(host, one) for one in told["rows"]]
            own_disks = [Disk(host, clean(one["month"], 7), _name(one["person"]), *_bytes(one)) for one in told["disk"]]
        except (KeyError, TypeError, ValueError) as error:
            silent[host] = clean(f"its report cannot be read: {error!r}", 300)
            continue
        rows += own_rows
        disks += own_disks
    return Usage(tuple(rows), tuple(disks), silent)


def _bytes(one: Mapping[str, Any]) -> tuple[int, int]:
    return int(one["average_bytes"]), int(one["peak_bytes"])


def _name(text: Any) -> str:
    return clean(str(text), NAME_LENGTH)


def _row(host: str, one: Mapping[str, Any]) -> Row:
    used = Sum(
        float(one["seconds"]),
        float(one["cpu_seconds"]),
        float(one["cpu_estimated_seconds"]),
        float(one["memory_byte_seconds"]),
        int(one["memory_peak_bytes"]),
        float(one["gpu_seconds"]),
        int(one["starts"]),
    )
    groups = tuple(_name(group) for group in one["groups"])
    return Row(host, clean(one["month"], 7), _name(one["person"]), groups, _name(one["image"]), used)


def csv_text(usage: Usage) -> str:
    """Return one line for each host, month, person and image, and one for the disk of each person."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in usage.rows:
        used = row.used
        writer.writerow([
            _cell(row.host), row.month, _cell(row.person), _cell(" ".join(row.groups)), _cell(row.image),
            f"{used.seconds / HOUR:.3f}", f"{used.cpu / HOUR:.3f}", f"{used.estimated / HOUR:.3f}",
            f"{used.memory / GIB / HOUR:.3f}", f"{used.memory_peak / GIB:.3f}", f"{used.gpu / HOUR:.3f}", used.starts,
            "", "",
        ])  # fmt: skip
    for disk in usage.disks:
        empty = [""] * (len(COLUMNS) - 5)
        line = [_cell(disk.host), disk.month, _cell(disk.person), *empty]
        writer.writerow([*line, f"{disk.average / GIB:.3f}", f"{disk.peak / GIB:.3f}"])
    return out.getvalue()


def _cell(text: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def text(usage: Usage) -> str:
    """Return tables for a terminal: people and groups of each month."""
    lines: list[str] = []
    for month in usage.months:
        disk = usage.disk(month)
        people = usage.people(month)
        names = [*people, *(name for name in sorted(disk) if name not in people)]
        lines.append(f"{month}")
        lines += _table(
            ("person", *NUMBERS, "disk GiB"),
            [(name, *numbers(people.get(name, Sum())), _gib(disk[name][0]) if name in disk else "-") for name in names],
        )
        lines += _table(
            ("group", *NUMBERS), [(name or "(none)", *numbers(one)) for name, one in usage.groups(month).items()]
        )
    return "\n".join(lines or ["nothing was recorded yet"]) + "\n"


NUMBERS = ("hours", "CPU hours", "GiB hours", "peak GiB", "GPU hours")


def numbers(used: Sum) -> tuple[str, ...]:
    """Return the numbers of ``NUMBERS`` for people."""
    return (
        f"{used.seconds / HOUR:.1f}",
        f"{used.cpu / HOUR:.1f}",
        f"{used.memory / GIB / HOUR:.1f}",
        _gib(used.memory_peak),
        f"{used.gpu / HOUR:.1f}",
    )


def _gib(size: float) -> str:
    return f"{size / GIB:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[index]) for line in (head, *rows)) for index in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *rows)
    ] + [""]
