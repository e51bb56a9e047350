# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gathers what must never be removed: what hosts use (see ``uses``), and what was named.

Everything here fails closed: a list that cannot be read stops the pruning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import words
from .model import Protection
from .patterns import compile_pattern


class ProtectionError(Exception):
    """A list of protected images cannot be read."""


def gather(
    *,
    in_use: Iterable[tuple[str, Iterable[Mapping[str, Any]]]] = (),
    reports: Iterable[Path] = (),
    references: Iterable[str] = (),
    chosen_since: float = 0.0,
) -> Protection:
    """Return the protection that these sources ask for.

    ``in_use``: host name and what :func:`uses.read` returned there. ``reports``: files of the form
    ``{"version": 1, "host": ..., "images": [...]}`` with the same lists. What people chose before ``chosen_since``
    (seconds since the epoch) counts no longer.
    """
    digests: dict[str, str] = {}
    names: dict[str, str] = {}
    uses = [*in_use, *(report(path) for path in reports)]
    for host, images in uses:
        for image in images:
            if image.get("chosen") and _seconds(str(image["chosen"])) < chosen_since:
                continue
            used = f"in use on {host} by {image.get('user') or 'a container'}"
            why = words.clean(f"{image['why']} ({host})" if image.get("why") else used)
            for digest in (image.get("id"), *(image.get("digests") or ())):
                if digest:
                    digests.setdefault(str(digest), why)
            for reference in image.get("references") or ():
                names.setdefault(local_name(str(reference)), why)
    patterns = tuple(references)
    for pattern in patterns:
        compile_pattern(pattern)
    return Protection(digests, names, patterns)


def report_file(folder: Path, host: str) -> Path:
    """Return where the report of a host is kept."""
    name = "".join(character if character.isalnum() or character in "-_" else "_" for character in host)
    return folder / f"{name}.json"


def missing_reports(folder: Path, hosts: Collection[str], now: float, max_age: float) -> list[str]:
    """Return what is wrong with the reports of these hosts; a report older than ``max_age`` seconds is as good as none.

    The time of a report is the mtime of its file.
    """
    found = []
    for host in hosts:
        path = report_file(folder, host)
        try:
            age = now - path.stat().st_mtime
        except FileNotFoundError:
            found.append(f"{host} has never told which images it uses")
            continue
        if age > max_age:
            found.append(f"{host} told {age / 86400:.0f} days ago which images it uses, more than {max_age / 86400:g}")
    return found


def report(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Return host and images of a report about the images in use on another host."""
    document = _document(path)
    images = document.get("images")
    if not isinstance(images, list) or not all(isinstance(item, dict) for item in images):
        raise ProtectionError(f"{path}: images must be a list of dictionaries")
    return str(document.get("host") or path.stem), images


def local_name(reference: str) -> str:
    """Return a reference without the name of a registry, with a tag: ``host:5000/a/b`` becomes ``a/b:latest``.

    The registry's name is not compared, since a registry has many; at worst an image too many is kept.
    """
    first, slash, rest = reference.partition("/")
    name = rest if slash and re.search(r"[.:]|^localhost$", first) else reference
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return float("inf")  # a time that nobody understands protects


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProtectionError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("version") != 1:
        raise ProtectionError(f"{path}: its version is not 1")
    return document
