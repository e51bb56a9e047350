# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known holes: records of the OSV format in files that the administrator brought (https://ossf.github.io/osv-schema/).

Each ecosystem's ``all.zip`` of OSV is such a file, and so is one record, or many, one a line.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import version_order, words
from .contents import Contents, Package

ECOSYSTEMS = {"PyPI": "pypi", "npm": "npm", "Debian": "deb", "Ubuntu": "deb"}
SYSTEMS = {"Debian": "debian", "Ubuntu": "ubuntu"}
MOST_BYTES = 16 * 1024 * 1024
"""No record is larger."""


class DatabaseError(Exception):
    """The file of known holes cannot be used; the text says which and why."""


@dataclass(frozen=True, order=True)
class Finding:
    """A package that has a known hole, and the version that has it no more, when there is one."""

    package: Package
    hole: str
    fixed: str = ""
    summary: str = ""


def records(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a file (.zip, .json or .jsonl) or of all such files in a folder. Raises DatabaseError."""
    try:
        if path.is_dir():
            files = sorted(one for one in path.iterdir() if one.suffix in (".zip", ".json", ".jsonl"))
            if not files:
                raise DatabaseError(f"{path}: no file ends with .zip, .json or .jsonl; put OSV's all.zip there")
            for one in files:
                yield from records(one)
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if member.filename.endswith(".json") and member.file_size <= MOST_BYTES:
                        yield _record(archive.read(member), f"{path}: {member.filename}")
        elif path.suffix == ".jsonl":
            with path.open("rb") as lines:
                yield from (
                    _record(line, f"{path}: line {number}") for number, line in enumerate(lines, 1) if line.strip()
                )
        else:
            yield _record(path.read_bytes(), str(path))
    except (OSError, zipfile.BadZipFile) as error:
        raise DatabaseError(f"{path}: {error}; fetch it again") from error


def _record(content: bytes, where: str) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise DatabaseError(f"{where}: is not JSON ({error}); fetch the file again") from error
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise DatabaseError(f"{where}: is no record of OSV, which has an id; give the files of osv.dev as they are")
    return found


def find(everything: Iterable[Mapping[str, Any]], contents: Sequence[Contents]) -> list[list[Finding]]:
    """Return for each of several contents the known holes, in order. A hole that was withdrawn is none."""
    known: dict[tuple[str, str], list[tuple[int, Package]]] = {}
    for number, one in enumerate(contents):
        for package in one.packages:
            name = package.source if package.kind == "deb" else package.name
            known.setdefault((package.kind, name), []).append((number, package))
    found: list[set[Finding]] = [set() for _one in contents]
    for record in everything:
        for affected in record.get("affected") or () if not record.get("withdrawn") else ():
            ecosystem, _colon, release = str((affected.get("package") or {}).get("ecosystem", "")).partition(":")
            kind = ECOSYSTEMS.get(ecosystem, "")
            for number, package in known.get((kind, str((affected.get("package") or {}).get("name", ""))), ()):
                if kind == "deb" and not _same_system(ecosystem, release, contents[number]):
                    continue
                hit = _affected(affected, package)
                if hit is not None:
                    summary = words.clean(str(record.get("summary") or ""), 300)
                    found[number].add(Finding(package, words.clean(record["id"], 100), hit, summary))
    return [sorted(one) for one in found]


def _same_system(ecosystem: str, release: str, contents: Contents) -> bool:
    """``Debian:13`` is a release's; ``Ubuntu:24.04:LTS`` too; without a number it is all."""
    if SYSTEMS[ecosystem] != contents.system:
        return False
    numbers = [part for part in release.split(":") if part[:1].isdigit()]
    return not numbers or numbers[0] == contents.release


def _affected(affected: Mapping[str, Any], package: Package) -> str | None:
    """Return the version that mends it ("" for none) when this version is affected, else None."""
    fixed = None
    for span in affected.get("ranges") or ():
        if span.get("type") in ("ECOSYSTEM", "SEMVER"):
            hit = _in_range(span.get("events") or (), package)
            fixed = hit if hit is not None else fixed
    if fixed is None and package.version in (affected.get("versions") or ()):
        return ""
    return fixed


def _in_range(events: Sequence[Mapping[str, str]], package: Package) -> str | None:
    """Walk the events in their order: introduced, fixed, last_affected (the evaluation of the OSV format)."""

    def key(version: str) -> Any:
        return version_order.key(package.kind, version)

    mine, inside, mend = key(package.version), False, ""
    ordered = sorted(
        ((kind, version) for event in events for kind, version in event.items()),
        key=lambda event: (event[1] != "0", key(event[1])),
    )
    for kind, version in ordered:
        if kind == "introduced" and (version == "0" or mine >= key(version)):
            inside, mend = True, ""
        elif kind == "fixed":
            if mine >= key(version):
                inside = False
            elif inside and not mend:
                mend = version
        elif kind == "last_affected" and mine > key(version):
            inside = False
    return mend if inside else None
